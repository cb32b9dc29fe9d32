# Rule 7, functions that write to another server by postgres_fdw: whichever server dies,
# what is written there is what is kept here, each row once.  The one exception is a
# death between the two commits, which an idempotency key makes good.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $far = PostgreSQL::Test::Cluster->new('far');
$far->init;
$far->append_conf('postgresql.conf', "restart_after_crash = on\n");
$far->start;
if ($far->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0)
{
	plan skip_all => 'needs postgres_fdw';
}
$far->safe_psql('postgres', q{
CREATE TABLE written (key text PRIMARY KEY, x int);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(7);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION wait();
});

# What the log's writer would write in time would hide an asynchronous commit.
my $here = PostgreSQL::Test::Cluster->new('here');
$here->init;
$here->append_conf('postgresql.conf', q{
restart_after_crash = on
wal_writer_delay = 10s
wal_writer_flush_after = 1GB
client_min_messages = warning
checkpoint.commit_interval = 1
});
$here->start;
my ($host, $port) = ($far->host, $far->port);
$here->safe_psql('postgres', qq{
CREATE EXTENSION checkpoint;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;
CREATE FOREIGN TABLE written (key text, x int) SERVER far;
-- writes there, and waits here for whoever has lock 1 when it is at its row 700
CREATE FUNCTION writes(x int, key text) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	INSERT INTO public.written VALUES (key, x) ON CONFLICT DO NOTHING;
	IF x = 700 THEN
		PERFORM pg_advisory_xact_lock(1);
	END IF;
	RETURN x;
END \$\$;
});

my $input = 'SELECT x FROM generate_series(1, 1000) x';
# Without a key that a rerun would repeat, a second write of a row is a second row.
my $writes = q{writes(x, gen_random_uuid()::text) AS y};
my $scripts = 0;

# Waits until a query of a server returns true.
sub wait_for
{
	my ($node, $query) = @_;

	$node->poll_query_until('postgres', $query, 't') or die "timed out: $query";
	return;
}

# Begins psql with a script, and leaves it to itself.
sub background
{
	my ($node, $sql, $out) = @_;
	my $file = $node->basedir . '/script' . $scripts++ . '.sql';

	append_to_file($file, $sql);
	return IPC::Run::start([ 'psql', '-XAtq', '-f', $file, $node->connstr('postgres') ], '>', $out, '2>', $out);
}

# Kills a process of a server, and waits until the server has recovered.
sub kill_and_recover
{
	my ($node, $pid) = @_;
	my $checkpointer = q{FROM pg_stat_activity WHERE backend_type = 'checkpointer'};
	my $before = $node->safe_psql('postgres', "SELECT pid $checkpointer");

	kill 'KILL', $pid;
	wait_for($node, "SELECT pid <> $before $checkpointer");
	return;
}

# What is written there: numbers of rows, and of rows that differ.
sub written { return $far->safe_psql('postgres', 'SELECT count(*), count(DISTINCT x) FROM written') }

# What is kept here, of a job.
sub kept
{
	my ($job) = @_;
	my $n = $here->safe_psql('postgres', "SELECT rows_processed FROM checkpoint.checkpoints WHERE job = '$job' ORDER BY checkpoint_id DESC LIMIT 1");

	return "$n|$n";
}

sub call { my ($job, $udf, $more) = @_; return "SELECT checkpoint.begin_job('$job'); CALL checkpoint.map('m', '$input', \$\$$udf\$\$, cache_version => '$job'$more);" }

# Runs a job until its row 700 waits; returns psql, its lock's holder, and the process.
sub begin
{
	my ($job, $more, $out) = @_;
	my $holder = $here->background_psql('postgres');
	my $waits = q{FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND objsubid = 1 AND NOT granted};

	$far->safe_psql('postgres', 'TRUNCATE written');
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	my $run = background($here, call($job, $writes, $more), $out);
	wait_for($here, "SELECT count(*) = 1 $waits");
	return ($run, $holder, $here->safe_psql('postgres', "SELECT pid $waits"));
}

# Ends a job, and says whether each row is written once.
sub finish
{
	my ($job, $name) = @_;

	$here->safe_psql('postgres', call($job, $writes, '') . ' SELECT checkpoint.end_job();');
	is(written(), '1000|1000', "$name: each row is written once after the rerun");
	is(kept($job), '1000|1000', "$name: and kept");
	return;
}

foreach my $more ('', ', workers => 2')
{
	my $who = $more ? 'a worker' : 'the session';
	my $job = $more ? 'worker' : 'session';
	my $out = '';

	# a process here
	my ($run, $holder, $pid) = begin($job, $more, \$out);
	kill_and_recover($here, $pid);
	eval { $holder->quit };
	$run->finish;
	wait_for($far, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'postgres_fdw'});
	like(kept($job), qr/^[1-9]\d*\|/, "$who is killed: rows are kept");
	is(written(), kept($job), "$who is killed: what is written is what is kept");
	finish($job, "$who is killed");

	# a process there
	($run, $holder, $pid) = begin("far $job", $more, \$out);
	kill_and_recover($far, $far->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'postgres_fdw' LIMIT 1}));
	$holder->quit;
	$run->finish;
	is($here->safe_psql('postgres', "SELECT status, error IS NOT NULL FROM checkpoint.jobs WHERE name = 'far $job'"), 'failed|t',
		"the other server of $who crashes: that is what the job failed of");
	is(written(), kept("far $job"), "the other server of $who crashes: what is written is what is kept");
	finish("far $job", "the other server of $who crashes");
}

# The servers.
foreach my $node ($here, $far)
{
	my $job = 'stop of ' . $node->name;
	my $out = '';
	my ($run, $holder, $pid) = begin($job, '', \$out);

	$node->stop('immediate');
	$node == $far ? $holder->quit : eval { $holder->quit };
	$run->finish;
	$node->start;
	wait_for($far, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'postgres_fdw'});
	is($here->safe_psql('postgres', "SELECT status FROM checkpoint.jobs WHERE name = '$job'"), 'failed', "$job: the job has failed")
	  if $node == $far;
	is(written(), kept($job), "$job: what is written is what is kept");
	finish($job, $job);
}

# Between the two commits, rows of one batch are written and not kept.  A key that
# names the row lets the other server tell that it has it.
{
	my $out = '';
	my $holder = $far->background_psql('postgres');
	my $waits = q{FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted};

	$writes = q{writes(x, checkpoint.idempotency_key()) AS y};
	$far->safe_psql('postgres', 'TRUNCATE written');
	$holder->query_safe('SELECT pg_advisory_lock(7)');
	my $run = background($here, call('between', $writes, ''), \$out);
	wait_for($far, "SELECT count(*) = 1 $waits");
	kill_and_recover($here, $here->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%checkpoint.map%' AND pid <> pg_backend_pid()}));
	$run->finish;
	$holder->quit;
	wait_for($far, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'postgres_fdw'});
	cmp_ok($far->safe_psql('postgres', 'SELECT count(*) FROM written'), '>', 0, 'killed between the commits: rows are written');
	is(kept('between'), '0|0', 'and not kept');
	finish('between', 'killed between the commits, with an idempotency key');
}

done_testing();
