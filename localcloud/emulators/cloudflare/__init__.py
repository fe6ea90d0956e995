"""Cloudflare's API v4, as far as the platform uses it: zones, DNS, rulesets, R2.

`app` puts it together; `envelope` has the form of answers and errors, `cloud` the state; one
module per part of the API.
"""
