# Rule 15: what steps write does not reach logical replication subscribers, who
# do not have the tables: neither rows nor values that are stored out of line,
# of result tables and of catalogs, also after tables were rewritten or restored.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('publisher');
$node->init(allows_streaming => 'logical');
$node->start;
my $has_decoding = -e $node->config_data('--pkglibdir') . '/test_decoding.so';

# y is stored out of line.  What a function writes is replicated: note has no
# TOAST table, and its rows come after results in the same transactions.
sub functions
{
	my ($fails_on) = @_;

	return <<"SQL";
CREATE OR REPLACE FUNCTION public.f(x int) RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN
	IF x = $fails_on THEN
		RAISE 'not yet';
	END IF;
	INSERT INTO public.note VALUES (nextval('public.notes'), x);
	RETURN (SELECT string_agg(md5(x::text || i), '') FROM generate_series(1, 200) i);
END \$\$;
SQL
}
my $tables = <<'SQL';
CREATE TABLE public.src (x int PRIMARY KEY, t text);
CREATE TABLE public.note (n bigint PRIMARY KEY, x int);
CREATE SEQUENCE public.notes;
SQL
my $job = <<'SQL';	# of some workers
SELECT checkpoint.begin_job('j');
CALL checkpoint.map('m', 'SELECT x, t FROM src ORDER BY x', 'f(x) AS y', workers => %d);
CALL checkpoint.gen('g', 'SELECT x FROM src ORDER BY x', 'repeat(f(x), generate_series(1, 2)) AS z');
CALL checkpoint.query('q', 'SELECT x, t FROM src');
CALL checkpoint.save('public.shown', 'SELECT * FROM q');
SELECT checkpoint.end_job();
SQL

# Rows that other code has computed are deleted.
my $recompute = <<'SQL';
SELECT checkpoint.begin_job('recompute');
CALL checkpoint.map('m', 'SELECT x FROM src ORDER BY x', 'f(x) AS w', on_code_change => 'recompute');
SQL
# An unfinished step is given what another run has computed for other rows.
my $back = <<'SQL';
SELECT checkpoint.begin_job('back');
CALL checkpoint.map('m', 'SELECT x FROM src WHERE x < %d ORDER BY x', 'f(x) AS v');
SQL

$node->safe_psql('postgres', $tables . functions(0));
$node->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
$node->safe_psql('postgres', 'CREATE DATABASE subscriber');
$node->safe_psql('subscriber', $tables);

# Both ends are in one server, so the slots come first.
sub make_slots
{
	my ($db) = @_;

	$node->safe_psql($db, "SELECT pg_create_logical_replication_slot('decoded_$db', 'test_decoding')") if $has_decoding;
	$node->safe_psql($db, "SELECT pg_create_logical_replication_slot('published_$db', 'pgoutput')");
}

# What both plugins make of the changes since the last call.
sub check_slots
{
	my ($db, $test) = @_;

	if ($has_decoding)
	{
		my $changes = $node->safe_psql($db,
			"SELECT count(*) FILTER (WHERE data ~ '^table checkpoint'), count(*) FILTER (WHERE data ~ '^table public.note: INSERT') > 0 "
			  . "FROM pg_logical_slot_get_changes('decoded_$db', NULL, NULL)");
		is($changes, '0|t', "$test: test_decoding sees what functions write, and no table of ours");
	}
	my $names = $node->safe_psql($db,
		"SELECT bool_or(position('checkpoint'::bytea in data) > 0), bool_or(position('note'::bytea in data) > 0) "
		  . "FROM pg_logical_slot_get_binary_changes('published_$db', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')");
	is($names, 'f|t', "$test: pgoutput sends what functions write, and no table of ours");
}
make_slots('postgres');
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('sub', 'pgoutput')");
my $connstr = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
$node->safe_psql('subscriber',
	"CREATE SUBSCRIPTION sub CONNECTION '$connstr' PUBLICATION everything WITH (create_slot = false, slot_name = 'sub')");
$node->wait_for_subscription_sync($node, 'sub', 'subscriber');

# The extension comes later: the subscriber knows nothing of it.
$node->safe_psql('postgres', 'CREATE EXTENSION checkpoint');

# The subscriber goes on, and has what the functions wrote.
sub check_subscriber
{
	my ($test) = @_;

	$node->wait_for_catchup('sub');
	my $notes = 'SELECT count(*), sum(x) FROM public.note';
	is($node->safe_psql('subscriber', $notes), $node->safe_psql('postgres', $notes), "$test: the subscriber has all that was published");
}

sub run
{
	my ($db, $test, $sql, $expected) = @_;
	my ($ret, $stdout, $stderr) = $node->psql($db, $sql);

	like($stderr, $expected, "$test: as expected") or diag($stderr);
}

# Rewrites the tables of what is not finished, and the catalogs.  ALTER TABLE gives
# them new TOAST tables.
sub rewrite
{
	my $tables = $node->safe_psql('postgres', <<'SQL');
SELECT input_table FROM checkpoint.checkpoints WHERE state = 'partial'
UNION ALL SELECT output_table FROM checkpoint.checkpoints WHERE state = 'partial'
UNION ALL SELECT oid::regclass FROM pg_class WHERE relnamespace = 'checkpoint'::regnamespace AND relkind = 'r'
SQL
	$node->safe_psql('postgres', "ALTER TABLE $_ SET UNLOGGED; ALTER TABLE $_ SET LOGGED;\nVACUUM FULL $_;")
	  foreach split /\n/, $tables;
}

$node->safe_psql('postgres', "INSERT INTO public.src SELECT i, 'row ' || i FROM generate_series(1, 40) i");
$node->safe_psql('postgres', functions(20));
run('postgres', 'fails', sprintf($job, 1), qr/ERROR:  not yet/);
check_slots('postgres', 'fails');
check_subscriber('fails');

rewrite();
$node->safe_psql('postgres', functions(30));
run('postgres', 'rewritten', sprintf($job, 1), qr/ERROR:  not yet/);
check_slots('postgres', 'rewritten');
check_subscriber('rewritten');
$node->safe_psql('postgres', functions(10));
run('postgres', 'to be deleted', $recompute, qr/sys__id 10, 9 of 40 rows kept/);
run('postgres', 'to be given', sprintf($back, 30), qr/sys__id 10, 9 of 29 rows kept/);
$node->safe_psql('postgres', functions(15));
run('postgres', 'to be taken', sprintf($back, 20), qr/sys__id 15, 14 of 19 rows kept/);
check_slots('postgres', 'prepared');

# The mark of a catalog's TOAST table, too: job.error is stored out of line.
rewrite();
$node->safe_psql('postgres', <<'SQL');
SELECT checkpoint.begin_job('long', attach => false) AS job \gset
BEGIN;
SELECT checkpoint.fail_job((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 200) i), :job);
INSERT INTO public.note VALUES (nextval('public.notes'), 0);
COMMIT;
SQL
check_slots('postgres', 'long values');
check_subscriber('long values');

# A dump has no marks: what is restored gets them when it goes on.
my $dump = $node->backup_dir . '/dump';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-f', $dump, '-p', $node->port, '-h', $node->host, 'postgres' ], 'pg_dump works');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok(
	[ 'psql', '-X', '-q', '-o', File::Spec->devnull, '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-p', $node->port, '-h', $node->host, '-f', $dump ],
	'the dump can be restored');
make_slots('restored');
$node->safe_psql('restored', functions(0));
run('restored', 'restored', sprintf($job, 3), qr/step "m": continued: 11 of 40 rows computed/);
check_slots('restored', 'restored');
run('restored', 'given', sprintf($back, 30), qr/step "m": continued: 15 of 29 rows computed, 14 kept/);
check_slots('restored', 'given');
run('restored', 'deleted', $recompute, qr/step "m": continued: 40 of 40 rows computed/);
check_slots('restored', 'deleted');

# Workers.
rewrite();
$node->safe_psql('postgres', functions(0));
run('postgres', 'workers', sprintf($job, 3), qr/step "m": continued: 11 of 40 rows computed/);
check_slots('postgres', 'workers');
check_subscriber('workers');

# Results are carried over to another input.
$node->safe_psql('postgres', "INSERT INTO public.src SELECT i, 'row ' || i FROM generate_series(41, 60) i");
$node->safe_psql('postgres', functions(50));
run('postgres', 'carried over', sprintf($job, 1), qr/ERROR:  not yet/);
check_slots('postgres', 'carried over');
rewrite();
$node->safe_psql('postgres', functions(0));
run('postgres', 'continued', sprintf($job, 2), qr/step "m": continued: 11 of 60 rows computed/);
check_slots('postgres', 'continued');
check_subscriber('continued');
is( $node->safe_psql('postgres',
		"SELECT count(*), count(DISTINCT x), sum(length(y)) FROM " . $node->safe_psql('postgres',
			"SELECT output_table FROM checkpoint.steps WHERE job = 'j' AND step = 'm' ORDER BY job_id DESC LIMIT 1")),
	'60|60|384000', 'the results are right');

$node->stop;
done_testing();
