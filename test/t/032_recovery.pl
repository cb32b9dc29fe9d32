# Rule 17: a job goes on after failover and after recovery to a point in time, also
# if a step of it was in the middle of its work.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 1000;
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, has_archiving => 1);
$primary->append_conf('postgresql.conf', "checkpoint.commit_interval = 1\ncheckpoint.batch_rows = 10\n");
$primary->start;
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# The function waits at row 500 while somebody holds the lock.
$primary->safe_psql('postgres', <<"SQL");
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, $rows) i;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	IF x = 500 THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN x * 2;
END \$\$;
SQL
my $map = "CALL checkpoint.map('m', 'SELECT num FROM src ORDER BY num', 'f(num) AS y', workers => 2)";
my $job = "SELECT checkpoint.begin_job('job');\n$map;\nSELECT checkpoint.end_job();\n";

my $holder = $primary->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(1)');
my $runner = $primary->background_psql('postgres', on_error_stop => 0);
$runner->query_until(qr/called/, "\\echo called\n$job");
my $processed = "SELECT max(rows_processed) FROM checkpoint.checkpoints";
$primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")
  or die 'the step does not wait';
# what was committed without waiting for the disk is there within three times wal_writer_delay
$primary->poll_query_until('postgres', "SELECT COALESCE(max(rows_processed), 0) >= 400 FROM checkpoint.checkpoints")
  or die 'the step has committed nothing';
# The commit that follows puts the point on disk, and all that is before it.
$primary->safe_psql('postgres', "SELECT pg_create_restore_point('middle')");
$primary->safe_psql('postgres', 'CREATE TABLE durable ()');
$primary->wait_for_catchup($standby);

my $kept = $standby->safe_psql('postgres', $processed);
cmp_ok($kept, '>=', 400, 'the standby has what the step has committed so far');
is($standby->safe_psql('postgres', 'SELECT name, status FROM checkpoint.jobs'), 'job|running', 'it shows the job as running');
is($standby->safe_psql('postgres', 'SELECT step, action FROM checkpoint.steps'), 'm|running', 'and the step');
foreach my $view ('jobs', 'steps', 'checkpoints', 'errors', 'progress', 'published')
{
	is(($standby->psql('postgres', "TABLE checkpoint.$view"))[0], 0, "view $view can be read on the standby");
}

#
# The primary is lost in the middle of the step.
#
$primary->stop('immediate');
eval { $holder->quit };
eval { $runner->quit };
$standby->promote;

sub goes_on
{
	my ($node, $how) = @_;

	is($node->safe_psql('postgres', 'SELECT status FROM checkpoint.jobs'), 'interrupted', "$how: the job is interrupted");
	my ($ret, $stdout, $stderr) = $node->psql('postgres', $job);
	is($ret, 0, "$how: the rerun works") or diag($stderr);
	my ($action, $total, $was_kept, $computed, $output) = split /\|/, $node->safe_psql('postgres',
		'SELECT action, rows_total, rows_kept, rows_computed, output_table FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1');
	is($action, 'continued', "$how: it continues");
	cmp_ok($was_kept, '>=', 400, "$how: what had been committed is kept");
	is($was_kept + $computed, $rows, "$how: the rest is computed");
	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT num), sum(y) FROM $output"),
		"$rows|$rows|" . $rows * ($rows + 1), "$how: the result is right");
	$node->safe_psql('postgres', "UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - interval '1 year'");
	is((split /\|/, $node->safe_psql('postgres', 'CALL checkpoint.prune()'))[0], '1', "$how: it can be cleaned up");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r'"),
		'0', "$how: nothing is left behind");
}
goes_on($standby, 'failover');
$standby->stop;

#
# Recovery of the primary's backup to the middle of the step.
#
$primary->start;
$primary->safe_psql('postgres', "SELECT checkpoint.begin_job('later'); SELECT pg_switch_wal()");
$primary->stop;
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($primary, 'backup', has_restoring => 1);
$restored->append_conf('postgresql.conf', "recovery_target_name = 'middle'\nrecovery_target_action = promote\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
is($restored->safe_psql('postgres', 'SELECT count(*) FROM checkpoint.jobs'), '1', 'point in time: what came later is not there');
goes_on($restored, 'point in time');
$restored->stop;

done_testing();
