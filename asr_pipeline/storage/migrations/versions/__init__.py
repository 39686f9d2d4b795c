"""One module a migration, in their order. What was released is never edited: a change is a new migration."""
