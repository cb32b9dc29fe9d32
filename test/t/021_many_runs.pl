# The same job again and again, with nothing changed: it is reused each time, and
# nothing grows but the history of the runs, neither what is stored nor what a run
# costs.
#
#	RUNS=n	how many runs
#
# It takes minutes: test/run --without=long leaves it out.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $runs = $ENV{RUNS} // 1000;
my $part = int($runs / 10);

my $node = PostgreSQL::Test::Cluster->new('many');
$node->init;
# statistics of the planner and vacuums come when they come
$node->append_conf('postgresql.conf', q{
autovacuum = off
client_min_messages = warning
});
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE SEQUENCE calls;
CREATE TABLE source AS SELECT g AS x, repeat('x', 20) AS pad FROM generate_series(1, 100) g;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls');
	RETURN x * 2;
END $$;
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls');
	RETURN QUERY SELECT generate_series(1, x % 3);
END $$;
-- what there is, but for the history: rows, by table, and relations
CREATE FUNCTION stored() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n bigint;
	stored text := '';
BEGIN
	FOR r IN SELECT oid::regclass AS name FROM pg_class
		WHERE relnamespace = 'checkpoint'::regnamespace AND relkind = 'r'
		AND relname NOT IN ('job', 'step') ORDER BY relname
	LOOP
		EXECUTE format('SELECT count(*) FROM %s', r.name) INTO n;
		stored := stored || format('%s %s, ', r.name, n);
	END LOOP;
	SELECT stored || count(*) || ' relations, ' INTO stored FROM pg_class;
	SELECT stored || count(*) || ' dependencies, ' INTO stored FROM pg_depend;
	SELECT stored || count(*) || ' locks' INTO stored FROM pg_locks WHERE locktype = 'advisory';
	RETURN stored;
END $$;
});

my $job = q{
SELECT checkpoint.begin_job('many');
CALL checkpoint.map('m', 'SELECT x, pad FROM source ORDER BY x', 'f(x) AS y');
CALL checkpoint.gen('g', 'SELECT x FROM m', 'g(x) AS z');
CALL checkpoint.query('q', 'SELECT sum(z) AS z FROM g');
CALL checkpoint.save('public.result', 'SELECT z AS sum FROM q');
SELECT checkpoint.end_job();
};

sub stored { return $node->safe_psql('postgres', 'SELECT stored()'); }

# buffers returns how many blocks were looked at so far, in this database.
sub buffers { return $node->safe_psql('postgres', q{SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = 'postgres'}); }

# run_many runs the job in one session and returns the blocks per run.
sub run_many
{
	my ($n) = @_;
	my ($out, $err);
	my $script = $job x $n . "SELECT pg_stat_force_next_flush();\n";
	my $before = buffers();

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
		'<', \$script, '>', \$out, '2>', \$err);
	is($err, '', "$n runs work");
	return (buffers() - $before) / $n;
}

run_many(1);
my $calls = $node->safe_psql('postgres', 'SELECT last_value FROM calls');
is($calls, '200', 'the first run calls the functions');
my $stored = stored();
my @blocks = map { run_many($part) } 1 .. 10;

is(stored(), $stored, "after $runs runs there is what there was after the first");
is($node->safe_psql('postgres', 'SELECT last_value FROM calls'), $calls, 'no function was called again');
is( $node->safe_psql('postgres',
		"SELECT count(*), count(*) FILTER (WHERE status = 'complete') FROM checkpoint.jobs"),
	join('|', (10 * $part + 1) x 2),
	'each run is complete');
is( $node->safe_psql('postgres', "SELECT count(*) FROM checkpoint.steps WHERE action = 'reused'"),
	40 * $part, 'each step was reused');
is($node->safe_psql('postgres', 'SELECT sum FROM result'),
	$node->safe_psql('postgres', 'SELECT sum(z) FROM source, generate_series(1, x % 3) z'), 'the result is right');
is(join(',', glob($node->data_dir . '/pg_checkpoint/*')), '', 'no file is left');

# What a run looks at does not grow with the history, but for the height of the
# indexes, which have two levels from some hundred rows on, and for plans, which are
# made anew after 512 uses.
note(join(', ', map { sprintf('%.0f', $_) } @blocks));
cmp_ok($blocks[9], '<=', $blocks[6] + 3,
	sprintf('the last runs look at %.0f blocks each, those before at %.0f', $blocks[9], $blocks[6]));

is($node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/../records.sql') . 'SELECT wrong_records()'), '',
	'what is on record describes the rows');
$node->stop;
done_testing();
