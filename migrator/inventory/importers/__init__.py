"""Reading specs: an OpenAPI document or a GraphQL schema becomes a list of units to track.

No Django in here. `reading.read_spec()` is the door; `documents` turns bytes into plain data, `openapi` and
`graphql` turn that into units, `answers` finds the fields of a JSON answer.
"""
