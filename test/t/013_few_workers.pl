# workers => N without N - 1 free slots for background workers: the step goes on
# with fewer, and says so once.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('few');
$node->init;
$node->append_conf('postgresql.conf', q{
max_worker_processes = 2
max_logical_replication_workers = 0
max_parallel_workers = 0
});
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE SEQUENCE calls;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls');
	RETURN x * 10;
END $$;
CREATE FUNCTION waits(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN x;
END $$;
});

# run_job returns what psql wrote to stderr.
sub run_job
{
	my ($job, $call) = @_;
	my ($out, $err);

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			'-c', "SELECT setval('calls', 1, false)",
			'-c', "SELECT checkpoint.begin_job('$job')", '-c', $call, '-c', 'SELECT checkpoint.end_job()' ],
		'<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'psql has ended'));
	is($? >> 8, 0, "$job: the job is complete") or diag($err);
	return $err;
}

sub check_complete
{
	my ($job) = @_;
	my $output = $node->safe_psql('postgres',
		"SELECT output_table FROM checkpoint.checkpoints WHERE job = '$job'");

	is($node->safe_psql('postgres', q{SELECT last_value FROM calls}), '1000', 'each row was called once');
	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT sys__id), sum(y) FROM $output"),
		'1000|1000|5005000', 'and is there once');
}

sub step
{
	my ($kind, $workers) = @_;
	my $udf = $kind eq 'map' ? 'f(x) AS y' : 'unnest(ARRAY[f(x)]) AS y';

	return "CALL checkpoint.$kind('s', 'SELECT x FROM generate_series(1, 1000) x', '$udf', workers => $workers, cache_enabled => false)";
}

# as many as there are
my $err = run_job('enough', step('map', 3));
unlike($err, qr/running with/, 'with enough slots nothing is said of them');
check_complete('enough');

# too few
foreach my $kind ('map', 'gen')
{
	$err = run_job("few for $kind", step($kind, 5));
	is(scalar(() = $err =~ /running with/g), 1, 'too few: said once');
	like($err, qr/NOTICE:  running with 3 of 5 workers/, 'and how many');
	check_complete("few for $kind");
}

# none: another step has them all
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my $other = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
		'-c', q{SELECT checkpoint.begin_job('other')},
		'-c', q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 100) x', 'waits(x) AS y', workers => 3)} ],
	'<', \undef, '>', \my $out, '2>', \my $other_err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'psql has ended'));
$node->poll_query_until('postgres',
	q{SELECT count(*) = 3 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
  or die 'the other step does not run';
$err = run_job('none', step('gen', 2));
like($err, qr/NOTICE:  running with 1 of 2 workers/, 'with no slot free the session works alone');
check_complete('none');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$other->finish;
like($other_err, qr/100 of 100 rows computed/, 'and the other step ends as it would');
$lock->quit;

# and when they are free again
$err = run_job('free', step('map', 3));
unlike($err, qr/running with/, 'free slots are used again');
check_complete('free');

is($node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/../records.sql') . 'SELECT wrong_records()'), '',
	'what is on record describes the rows');
$node->stop;
done_testing();
