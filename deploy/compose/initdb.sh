#!/bin/sh
# Run once by the image of PostgreSQL, when its folder is empty: a role that owns the database and is no superuser.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  --set=password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE quixess LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE quixess OWNER quixess;
SQL
