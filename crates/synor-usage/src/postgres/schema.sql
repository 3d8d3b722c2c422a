-- Format 1. Texts are compared byte by byte, as everywhere else in this system.
--
-- Tables that grow carry the account and have it first in every unique key, so that the database
-- can be distributed by it. What belongs to the whole log (its end, its chain, its streams) is small.

CREATE TABLE head (
    one smallint PRIMARY KEY CHECK (one = 1),
    position bigint NOT NULL,
    chain bytea NOT NULL
) WITH (fillfactor = 10);
INSERT INTO head VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- What one transaction appended: `records` events and withdrawals, at the positions after `before`.
CREATE SEQUENCE commit_ids;
CREATE TABLE commits (
    id bigint PRIMARY KEY,
    before bigint NOT NULL UNIQUE,
    records integer NOT NULL,
    chain bytea NOT NULL
);

-- The same for one account: a record of it with ordinal n has the position `before` + n.
CREATE TABLE account_commits (
    account text COLLATE "C" NOT NULL,
    commit_id bigint NOT NULL,
    before bigint NOT NULL,
    last_position bigint NOT NULL,
    first_time bigint NOT NULL,
    last_time bigint NOT NULL,
    PRIMARY KEY (account, commit_id)
);
CREATE INDEX account_commits_by_position ON account_commits (account, last_position);

-- What one account uses of one resource from one provider under one set of dimensions; of a level,
-- exactly the samples that follow one another. The id is derived from all of that.
CREATE TABLE meters (
    account text COLLATE "C" NOT NULL,
    meter uuid NOT NULL,
    resource text COLLATE "C" NOT NULL,
    is_sample boolean NOT NULL,
    provider text COLLATE "C" NOT NULL,
    dimensions text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, meter)
);

CREATE TABLE events (
    account text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    meter uuid NOT NULL,
    is_sample boolean NOT NULL,
    time bigint NOT NULL,
    quantity numeric NOT NULL,
    correction boolean NOT NULL,
    digest bytea NOT NULL,
    commit_id bigint NOT NULL,
    ordinal integer NOT NULL,
    PRIMARY KEY (account, source, id)
) PARTITION BY HASH (account);
-- Amounts are read from the sums and need no index by time.
CREATE INDEX events_of_levels ON events (account, meter, time) WHERE is_sample;
CREATE INDEX events_by_commit ON events (account, commit_id, ordinal);

-- Events that count no more. The time is the event's, so that late changes are found without it.
CREATE TABLE withdrawals (
    account text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    time bigint NOT NULL,
    commit_id bigint NOT NULL,
    PRIMARY KEY (account, source, id)
);
CREATE INDEX withdrawals_by_position ON withdrawals (account, position, time);

-- What counts, of amounts, in each quarter of an hour since 1970.
CREATE TABLE sums (
    account text COLLATE "C" NOT NULL,
    quarter bigint NOT NULL,
    meter uuid NOT NULL,
    quantity numeric NOT NULL,
    PRIMARY KEY (account, quarter, meter)
) PARTITION BY HASH (account);

CREATE TABLE streams (
    stream text COLLATE "C" NOT NULL,
    partition bigint NOT NULL,
    next_offset numeric NOT NULL,
    PRIMARY KEY (stream, partition)
);

-- Sums are changed in place, for which their pages keep some room.
DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format('CREATE TABLE events_%s PARTITION OF events '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format('CREATE TABLE sums_%s PARTITION OF sums '
            'FOR VALUES WITH (MODULUS 16, REMAINDER %s) WITH (fillfactor = 70)', part, part);
    END LOOP;
END $$;
