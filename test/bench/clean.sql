-- Before each contender: nothing of the one before is left.
DROP TABLE IF EXISTS result, processed;
DROP EXTENSION IF EXISTS checkpoint CASCADE;
CREATE EXTENSION checkpoint;
