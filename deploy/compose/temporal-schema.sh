#!/bin/sh
# Makes Temporal's two databases in PostgreSQL and brings their tables up to date; does nothing to
# databases that are. Needs `temporal-sql-tool`, SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD and
# SCHEMA_DIR, the folder of the server's own schema for PostgreSQL.
set -eu
# $1: a database's name; $2: its folder below SCHEMA_DIR.
tool() {
  database="$1"
  shift
  temporal-sql-tool --plugin postgres12 --endpoint "$SQL_HOST" --port "$SQL_PORT" \
    --user "$SQL_USER" --password "$SQL_PASSWORD" --database "$database" "$@"
}
prepare() {
  tool "$1" create-database
  tool "$1" setup-schema --version 0.0
  tool "$1" update-schema --schema-dir "$SCHEMA_DIR/$2/versioned"
}
prepare temporal temporal
prepare temporal_visibility visibility
echo "the schema of Temporal is up to date"
