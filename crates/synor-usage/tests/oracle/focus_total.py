#!/usr/bin/env python3
"""What a cloud bill costs here, worked out without any of the Rust code.

    focus_total.py BILL.csv MAPPING.toml PRICES.toml 2024-09 [ACCOUNT]

Reads a FOCUS bill, maps its lines by the mapping table, rounds each event to whole base units (half
to even), adds them up by account and resource for one UTC month, prices each sum and rounds each
line to whole micro-SYNOR (half to even). Prints JSON: for each account its lines, total and credit.
A sum below zero bills nothing and becomes credit. With ACCOUNT, all lines belong to that account.
Standard library only; `docs/import.md` and the comments of the mapping table are the specification.
"""

import csv
import datetime as dt
import json
import re
import sys
import tomllib
from fractions import Fraction

HOUR = 3600
# name: (base unit, how many, whether times the seconds of the month)
UNITS = {
    "byte": ("bytes", 1, False),
    "kB": ("bytes", 10**3, False),
    "MB": ("bytes", 10**6, False),
    "GB": ("bytes", 10**9, False),
    "TB": ("bytes", 10**12, False),
    "PB": ("bytes", 10**15, False),
    "KiB": ("bytes", 2**10, False),
    "MiB": ("bytes", 2**20, False),
    "GiB": ("bytes", 2**30, False),
    "TiB": ("bytes", 2**40, False),
    "byte-second": ("byte-seconds", 1, False),
    "MB-second": ("byte-seconds", 10**6, False),
    "GB-second": ("byte-seconds", 10**9, False),
    "byte-hour": ("byte-seconds", HOUR, False),
    "GB-hour": ("byte-seconds", 10**9 * HOUR, False),
    "GiB-hour": ("byte-seconds", 2**30 * HOUR, False),
    "GB-month": ("byte-seconds", 10**9, True),
    "GiB-month": ("byte-seconds", 2**30, True),
    "TB-month": ("byte-seconds", 10**12, True),
    "domain-second": ("domain-seconds", 1, False),
    "domain-hour": ("domain-seconds", HOUR, False),
    "domain-month": ("domain-seconds", 1, True),
    "certificate-second": ("certificate-seconds", 1, False),
    "certificate-hour": ("certificate-seconds", HOUR, False),
    "certificate-month": ("certificate-seconds", 1, True),
    "core-millisecond": ("core-milliseconds", 1, False),
    "core-second": ("core-milliseconds", 1000, False),
    "core-hour": ("core-milliseconds", 1000 * HOUR, False),
    "gpu-millisecond": ("gpu-milliseconds", 1, False),
    "gpu-second": ("gpu-milliseconds", 1000, False),
    "gpu-hour": ("gpu-milliseconds", 1000 * HOUR, False),
    "deal": ("deals", 1, False),
    "query": ("queries", 1, False),
    "search": ("searches", 1, False),
    "invocation": ("invocations", 1, False),
    "request": ("requests", 1, False),
}
SINGULAR = {"queries": "query", "searches": "search"}


def unit(name):
    if name in UNITS:
        return UNITS[name]
    return UNITS[SINGULAR.get(name) or name.removesuffix("s")]


def base_units(name, month_secs):
    _, factor, monthly = unit(name)
    return factor * (month_secs if monthly else 1)


def half_even(number):
    """Python's own rounding of a Fraction is half to even."""
    return round(number)


def month_secs(time):
    first = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = (first + dt.timedelta(days=32)).replace(day=1)
    return int((after - first).total_seconds())


def parse_time(text):
    time = dt.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.timezone.utc)
    return time.astimezone(dt.timezone.utc)


def fits(patterns, text):
    if not patterns:
        return True
    for pattern in patterns:
        regex = ".*".join(re.escape(part) for part in pattern.lower().split("*"))
        if re.fullmatch(regex, text.lower(), re.DOTALL):
            return True
    return False


def counterpart(mapping, provider, row, unit_name):
    """The targets (resource, unit, factor, gpu model) and which quantity counts, or None."""
    for rule in mapping["rule"]:
        if not (
            fits(rule.get("provider"), provider)
            and fits(rule.get("service"), row.get("ServiceName") or "")
            and fits(rule.get("category"), row.get("ServiceCategory") or "")
            and fits(rule.get("unit"), unit_name)
            and fits(rule.get("description"), row.get("ChargeDescription") or "")
        ):
            continue
        if "none" in rule:
            return None
        if "instance" in rule:
            return instance(mapping, rule["instance"], row["ChargeDescription"]), False
        targets = [
            (to["resource"], to["unit"], Fraction(to.get("factor", "1")), None) for to in rule["to"]
        ]
        return targets, rule.get("of_consumed", False)
    return None


def instance(mapping, cloud, description):
    sizes = mapping["sizes"][cloud]
    for word in description.split():
        if word in sizes:
            size = sizes[word]
            break
    else:
        return []
    targets = [
        ("compute.cpu", "core-hours", Fraction(size["cores"]), None),
        ("compute.memory", "GiB-hours", Fraction(size["memory_gib"]), None),
    ]
    if "gpu_model" in size:
        if size["gpu_model"] not in mapping["gpu_models_sold"]:
            return []
        targets.append(("compute.gpu", "gpu-hours", Fraction(size["gpus"]), size["gpu_model"]))
    return targets


def read_usage(bill, mapping, month, account_of_all):
    """{account: {(resource, gpu model): whole base units}} for the month."""
    usage = {}
    with open(bill, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            row = {
                key: None if value.strip().lower() in ("", "null") else value.strip()
                for key, value in row.items()
            }
            path = row.get("SubAccountId") or row["BillingAccountId"]
            account = account_of_all or path.rsplit("/", 1)[-1]
            sums = usage.setdefault(account, {})
            time = parse_time(row["ChargePeriodStart"])
            if time.strftime("%Y-%m") != month:
                continue
            if row["ChargeCategory"] != "Usage" or row.get("CommitmentDiscountStatus") == "Unused":
                continue
            name, quantity = row["PricingUnit"], row["PricingQuantity"]
            if quantity is None:
                name, quantity = row.get("ConsumedUnit"), row.get("ConsumedQuantity")
            if quantity is None or Fraction(quantity) == 0:
                continue
            provider = "-".join(re.findall(r"[A-Za-z0-9._]+", row["ProviderName"])).lower()
            found = counterpart(mapping, provider, row, name or "")
            if found is None:
                continue
            targets, of_consumed = found
            if of_consumed:
                quantity = row.get("ConsumedQuantity")
                if quantity is None:
                    continue
            for resource, unit_name, factor, gpu_model in targets:
                exact = Fraction(quantity) * factor * base_units(unit_name, month_secs(time))
                key = (resource, gpu_model)
                sums[key] = sums.get(key, 0) + half_even(exact)
    return usage


def price_of(prices, resource, gpu_model):
    """The amount in micro-SYNOR, per how many of which unit."""
    for price in prices["price"]:
        wanted = price.get("dimensions", {}).get("gpu_model")
        if price["resource"] == resource and wanted in (None, gpu_model):
            number, currency = price["amount"].split()
            if currency != "SYNOR":
                raise SystemExit(f"{resource} is priced in {currency}")
            per = re.fullmatch(r"(?:(\d+)([kMG]?)\s+)?(\S+)", price["per"].strip())
            count = int(per[1] or 1) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[per[2] or ""]
            return Fraction(number) * 10**6, count, per[3]
    raise SystemExit(f"no price for {resource} {gpu_model or ''}")


def bill_of(sums, prices, secs):
    lines, total, credit = {}, 0, 0
    for (resource, gpu_model), quantity in sorted(sums.items(), key=lambda item: str(item[0])):
        if quantity == 0:
            continue
        amount, count, unit_name = price_of(prices, resource, gpu_model)
        rate = amount / (count * base_units(unit_name, secs))
        rated = half_even(abs(quantity) * rate)
        billed, credited = (rated, 0) if quantity > 0 else (0, rated)
        total, credit = total + billed, credit + credited
        lines[resource + (f"[{gpu_model}]" if gpu_model else "")] = {
            "quantity": str(quantity),
            "base_unit": unit(unit_name)[0],
            "amount_micro_synor": billed,
            "credit_micro_synor": credited,
        }
    return {"total_micro_synor": total, "credit_micro_synor": credit, "lines": lines}


def main():
    if len(sys.argv) not in (5, 6):
        raise SystemExit(__doc__)
    bill, mapping_path, prices_path, month = sys.argv[1:5]
    account_of_all = sys.argv[5] if len(sys.argv) == 6 else None
    with open(mapping_path, "rb") as file:
        mapping = tomllib.load(file)
    with open(prices_path, "rb") as file:
        prices = tomllib.load(file)
    secs = month_secs(parse_time(f"{month}-01T00:00:00Z"))
    usage = read_usage(bill, mapping, month, account_of_all)
    accounts = {name: bill_of(sums, prices, secs) for name, sums in sorted(usage.items())}
    grand = {
        field: sum(account[field] for account in accounts.values())
        for field in ("total_micro_synor", "credit_micro_synor")
    }
    json.dump({"month": month, "accounts": accounts, "grand_total": grand}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
