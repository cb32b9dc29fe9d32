# Rule 14: a table and its record are there together, or neither is, wherever a
# process is killed that makes or drops them; prune() goes on where it was.
#
# The places are those of src/stoppoint.c, which are compiled in for tests only.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "restart_after_crash = on\ncheckpoint.commit_interval = 0\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 20) i;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN x * 10;
END $$;
-- what is there of only one half
CREATE VIEW halves AS
SELECT 'table ' || t.relname AS what FROM pg_class t
WHERE t.relnamespace = 'checkpoint_data'::regnamespace AND t.relkind = 'r'
	AND NOT EXISTS (SELECT FROM checkpoint.checkpoint c WHERE t.relname IN (c.input_table, c.output_table))
UNION ALL SELECT 'record ' || c.checkpoint_id FROM checkpoint.checkpoints c
WHERE c.output_table IS NULL OR c.state = 'partial' AND c.input_table IS NULL
UNION ALL SELECT 'row of ' || checkpoint_id FROM (SELECT checkpoint_id FROM checkpoint.code_version UNION
	SELECT checkpoint_id FROM checkpoint.work UNION SELECT checkpoint_id FROM checkpoint.processed) r
WHERE NOT EXISTS (SELECT FROM checkpoint.checkpoint c WHERE c.checkpoint_id = r.checkpoint_id);
SQL
my ($ret) = $node->psql('postgres', 'SELECT checkpoint._retention(); SHOW checkpoint.stop_at');
plan skip_all => 'needs a build with -DCKPT_TEST_HOOKS' if $ret != 0;

# killed runs statements in a session that is killed where it stops.
sub killed
{
	my ($place, @statements) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query("SET client_min_messages = warning; SET checkpoint.stop_at = '$place'");
	$session->query_until(qr/called/, join(";\n", '\echo called', @statements) . ";\n");
	my $stopped = "FROM pg_stat_activity WHERE query = 'stopped $place'";
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $stopped") or die "does not stop $place";
	# after the recovery it is another
	my $checkpointer = q{FROM pg_stat_activity WHERE backend_type = 'checkpointer'};
	my $before = $node->safe_psql('postgres', "SELECT pid $checkpointer");
	kill 'KILL', $node->safe_psql('postgres', "SELECT pid $stopped");
	# until it has noticed, it goes on as before
	eval { $session->query('SELECT 1') };
	eval { $session->quit };
	$node->poll_query_until('postgres', "SELECT pid <> $before $checkpointer") or die 'no recovery';
	is($node->safe_psql('postgres', 'TABLE halves'), '', "killed $place: nothing is half there");
	return;
}

sub call { return "CALL checkpoint.map('m', 'SELECT num FROM src', 'f(num) AS $_[0]')" }

my $n = 0;
foreach my $place (
	'after commit of prepare',
	'before commit of identify',
	'after commit of identify',
	'before commit of run',
	'after commit of run',
	'before commit of collect',
	'after commit of collect')
{
	my $job = 'job' . ++$n;

	killed($place, "SELECT checkpoint.begin_job('$job')", call($job));
	$node->safe_psql('postgres', join(";\n", "SELECT checkpoint.begin_job('$job')", call($job), 'SELECT checkpoint.end_job()'));
	is($node->safe_psql('postgres', 'TABLE halves'), '', "killed $place: nor after the rerun");
}
is( $node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE state = \'final\') FROM checkpoint.checkpoints'),
	"$n|$n", 'each rerun has finished');

# All have expired; the first one is being dropped.
my $expire = "UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - interval '29 days'";
$node->safe_psql('postgres', $expire);
killed('drop of checkpoint', 'CALL checkpoint.prune()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM checkpoint.checkpoints'), $n, 'killed before it was dropped');
killed('before commit of prune', 'CALL checkpoint.prune()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM checkpoint.checkpoints'), $n, 'killed before that was committed');
killed('after commit of prune', 'CALL checkpoint.prune()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM checkpoint.checkpoints'), $n - 1, 'killed after it: one is gone');
is((split /\|/, $node->safe_psql('postgres', 'CALL checkpoint.prune()'))[0], $n - 1, 'the next prune drops the others');
is($node->safe_psql('postgres', 'SELECT count(*) FROM checkpoint.checkpoints'), 0, 'none is left');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace"),
	0, 'no table either');

# end_job's part of it is part of its transaction.
$node->safe_psql('postgres', join(";\n", "SELECT checkpoint.begin_job('old')", call('old'), 'SELECT checkpoint.end_job()', $expire));
killed('drop of checkpoint', "SELECT checkpoint.begin_job('new')", 'SELECT checkpoint.end_job()');
is($node->safe_psql('postgres', "SELECT count(*), (SELECT status FROM checkpoint.jobs WHERE name = 'new') FROM checkpoint.checkpoints"),
	'1|interrupted', 'killed in end_job: the job is not ended');

$node->stop;
done_testing();
