"""The providers' resources that the program uses, a module for each vendor.

Importing the official packages takes seconds of CPU, and each of their resources makes an output,
which is several futures, of every property that there is: together more than all the rest of a
preview. So the type checker sees the official classes, and at run time classes of the same names
register exactly the same: type token, properties, plugin version, aliases. A test runs both stacks
with either, so an upgrade that changes something fails there.

Only what the program uses is here. Nested inputs are mappings, whose types end in `ArgsDict`.
"""
