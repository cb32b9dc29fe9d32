-- One half of the work, as a session of its own: two at once show what two
-- cores of this machine can give.
SELECT extract(epoch FROM clock_timestamp()) AS started \gset
SELECT 'CREATE TABLE result' || :half || ' AS SELECT s.*, ' || :'f' || '(s.x) AS y FROM '
    || quote_ident(:'source') || ' s WHERE s.id % 2 = ' || :half \gexec
SELECT :'started', extract(epoch FROM clock_timestamp());
SELECT 'DROP TABLE result' || :half \gexec
