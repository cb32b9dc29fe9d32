# A fast shutdown in the middle of a step ends its processes as a termination of
# each would: rule 8.  It does not wait for the step, and a rerun continues.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('shutdown');
$node->init;
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->start;

# Rows from 50 on wait for a lock that only the test lets
# go of: without the shutdown the step would never end.
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE SEQUENCE calls;
CREATE FUNCTION waits(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('calls');
	IF x >= 50 THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN x * 10;
END $$;
CREATE FUNCTION waits_twice(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT x;
	RETURN NEXT waits(x);
END $$;
});

sub sql { return $node->safe_psql('postgres', $_[0]); }

foreach my $kind ('map', 'gen')
{
	my $udf = $kind eq 'map' ? 'waits(x) AS y' : 'waits_twice(x) AS y';
	my @commands = (
		'-c', q{SET checkpoint.commit_interval = '1ms'},
		'-c', "SELECT checkpoint.begin_job('$kind')",
		'-c', "CALL checkpoint.$kind('s', 'SELECT x FROM generate_series(1, 100) x ORDER BY x', '$udf', workers => 2)",
		'-c', 'SELECT checkpoint.end_job()');
	my $lock = $node->background_psql('postgres');

	$lock->query_safe('SELECT pg_advisory_lock(1)');
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d',
			$node->connstr('postgres'), @commands ],
		'<', \undef, '>', \my $out, '2>', \my $err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'psql has ended'));
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'the processes do not wait for the lock';
	my $done = sql(q{SELECT rows_processed FROM checkpoint.checkpoints WHERE state = 'partial'});

	# pg_ctl waits until it has stopped
	$node->stop('fast');
	$psql->finish;
	like($err, qr/terminating connection due to administrator command|server closed the connection/,
		"$kind: a fast shutdown ends the step");
	eval { $lock->quit };
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP|received immediate|was terminated by signal/,
		'and nothing else had to');

	$node->start;
	is(sql("SELECT status FROM checkpoint.jobs WHERE name = '$kind'"), 'interrupted',
		'rule 12: the job shows as interrupted');
	is(sql("SELECT action FROM checkpoint.steps WHERE job = '$kind'"), 'failed', 'its step as failed');
	my $kept = sql("SELECT rows_processed FROM checkpoint.checkpoints WHERE job = '$kind'");
	cmp_ok($kept, '>=', $done, 'rule 8: what was committed is kept');

	# the lock is free: the rerun computes the rest
	sql(q{SELECT setval('calls', 1, false)});
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), @commands ],
		'<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'psql has ended'));
	is($? >> 8, 0, 'the rerun is complete') or diag($err);
	is(sql(q{SELECT last_value FROM calls}), 100 - $kept, 'by the calls that were left');
	my $output = sql("SELECT output_table FROM checkpoint.checkpoints WHERE job = '$kind'");
	my $n = $kind eq 'map' ? 1 : 2;
	is(sql("SELECT count(*), count(DISTINCT sys__id), sum(y) FROM $output"),
		join('|', 100 * $n, 100 * $n, $kind eq 'map' ? 50500 : 55550), 'rule 6: each row is there once');
}

is($node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/../records.sql') . 'SELECT wrong_records()'), '',
	'what is on record describes the rows');
$node->stop;
done_testing();
