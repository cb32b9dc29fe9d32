-- A column is added that the function does not read.
ALTER TABLE changing ADD COLUMN lang text;
