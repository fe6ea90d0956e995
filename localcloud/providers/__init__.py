"""Stand-in Pulumi providers: the local cloud's replacement of plugins that cannot be installed.

`python -m localcloud.providers` serves them; `framework` is what a stand-in is written with.
"""
