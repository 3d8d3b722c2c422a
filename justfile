# Each recipe is one command that works without just, too.

# Everything that CI checks.
check:
    ./check

# What CI checks of the contracts; `just contracts --fast` leaves the invariants out.
contracts *arguments:
    contracts/check {{arguments}}

# How fast it is: `just bench book`, `just bench ingest`, `just bench rating`, `just bench rating --bills 1000000`.
bench *arguments:
    cargo run --release --quiet --package synor-bench -- {{arguments}}

# Kills the server under full load for so many minutes: `just torture 60`.
torture minutes="10":
    SYNOR_TORTURE_MINUTES={{minutes}} cargo test --release --package synor-cli --test torture -- --nocapture

# Simulated lives of a platform, with faults: `just simulate --minutes 10`, `just simulate --seed 4711`.
simulate *arguments:
    cargo run --release --quiet --package synor-sim -- {{arguments}}
