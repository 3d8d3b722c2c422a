# Each recipe is one command that works without just, too.

# Everything that CI checks.
check:
    ./check

# How fast it is: `just bench rating`, `just bench rating --bills 1000000`.
bench *arguments:
    cargo run --release --quiet --package synor-bench -- {{arguments}}
