"""The vendors' HTTP APIs, emulated: Hetzner Cloud, Cloudflare and GitHub.

Each vendor's package has an `app` module with

    create_app(store_path: Path | None, *, tokens: Collection[str], seed: Mapping[str, JsonValue])

`store_path` is the JSON file that the state is kept in (`None`: in memory only), `tokens` the
bearer tokens that are accepted, `seed` the vendor's own part of the seed file. What they share:
`faults` (failures on demand, journal of requests) and `store` (the state).
"""
