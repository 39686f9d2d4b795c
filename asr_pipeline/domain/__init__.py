"""Values and rules of the field, in the standard library alone: no framework, no file, no socket, no clock."""
