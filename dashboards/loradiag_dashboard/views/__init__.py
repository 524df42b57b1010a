"""The pages, one file each: a function without arguments that draws it."""
