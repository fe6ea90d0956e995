"""The entry point of `pulumi preview` and `pulumi up`."""

from catalog import InvalidInputError
from stacks.program import program

try:
    program()
except InvalidInputError as error:
    raise SystemExit(str(error)) from None
