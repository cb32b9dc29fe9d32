# publish => 'end': whatever becomes of end_job, all targets change or none does.  Its
# process is terminated, or the server dies, when the table has been merged and the view is
# waited for; the next run publishes both.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('publish_crash');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = warning\nrestart_after_crash = on\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE TABLE version (v int);
INSERT INTO version VALUES (0);
});

my $saves = q{
UPDATE version SET v = v + 1;
SELECT checkpoint.begin_job('crash', publish => 'end');
CALL checkpoint.save('public.shown', 'SELECT v FROM version');
CALL checkpoint.save('public.held', 'SELECT v FROM version', as_table => true);
};
my $shown = 'SELECT (SELECT v FROM shown), (SELECT v FROM held)';

# Waits until a query returns true; then returns it.
sub wait_for
{
	my ($query) = @_;

	$node->poll_query_until('postgres', $query, 't') or die "timed out: $query";
	return;
}

my $scripts = 0;

# Begins psql with a script, and leaves it to itself.
sub background
{
	my ($sql, $out) = @_;
	my $file = $node->basedir . '/script' . $scripts++ . '.sql';

	append_to_file($file, $sql);
	return IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $file, $node->connstr('postgres') ],
		'>', $out, '2>', $out);
}

$node->safe_psql('postgres', "$saves SELECT checkpoint.end_job()");
is($node->safe_psql('postgres', $shown), '1|1', 'both targets are published');

my $version = 1;
foreach my $fault (qw(terminate kill))
{
	my ($reader_out, $out) = ('', '');
	my $reader = background("BEGIN; SELECT * FROM shown; SELECT pg_sleep(600);\n", \$reader_out);
	wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'});

	# the table is merged first: its lock and the wait say how far it is
	my $publisher = background("$saves SELECT checkpoint.end_job();\n", \$out);
	wait_for(q{SELECT count(*) = 1 FROM pg_locks l JOIN pg_stat_activity USING (pid)
		WHERE l.relation = 'held'::regclass AND l.mode = 'RowExclusiveLock'
		AND query = 'SELECT checkpoint.end_job();' AND wait_event_type IN ('Extension', 'Lock')});
	my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query = 'SELECT checkpoint.end_job();'});

	if ($fault eq 'terminate')
	{
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		$publisher->finish;
		wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
		$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'});
		$reader->finish;
	}
	else
	{
		# the postmaster ends all others, and starts anew
		kill 'KILL', $pid;
		$publisher->finish;
		$reader->finish;
		$node->poll_query_until('postgres', 'SELECT true', 't') or die 'server did not come back';
	}

	is($node->safe_psql('postgres', $shown), "$version|$version", "$fault: no target has changed");
	is($node->safe_psql('postgres', 'SELECT status FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1'),
		'interrupted', "$fault: the job is interrupted");
	$version += 2;
	$node->safe_psql('postgres', "$saves SELECT checkpoint.end_job()");
	is($node->safe_psql('postgres', $shown), "$version|$version", "$fault: the next run changes both");
}

$node->stop;
done_testing();
