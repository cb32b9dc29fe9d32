# A row that crashes the server: it is tried again once, alone and with all that
# came before it safe on disk, and then no more until the code changes (rules 6,
# 8 and 11).  A shutdown is no crash, whatever row is in hand.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
max_worker_processes = 8
wal_writer_delay = 10s
});
$node->start;

# Every wait ends after so many seconds, and says what it was for.
my $limit = 300;
my $calls = "$PostgreSQL::Test::Utils::tmp_check/calls";
$node->safe_psql('postgres', qq{
CREATE EXTENSION checkpoint;
CREATE EXTENSION plpython3u;

-- notes a call; crashes, or waits while the gate, a file, is there
CREATE FUNCTION called(x int, crashes bool, waits bool) RETURNS void LANGUAGE plpython3u AS \$\$
import os, signal, time
with open('$calls', 'a') as file:
	file.write('%d\\n' % x)
if crashes:
	os.kill(os.getpid(), signal.SIGSEGV)
end = time.monotonic() + $limit
while waits and os.path.exists('$calls.gate'):
	if time.monotonic() > end:
		plpy.error('the gate was not opened')
	plpy.execute('SELECT pg_sleep(0.005)')
\$\$;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM called(x, x = 7, false);
	RETURN x * 10;
END \$\$;
});

sub wait_until
{
	my ($what, $condition) = @_;

	foreach my $i (1 .. 100 * $limit)
	{
		return if $condition->();
		usleep(10_000);
	}
	die "waited $limit s until $what";
}

# try_sql returns '' if the server does not answer.
sub try_sql
{
	my ($out, $err);

	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $_[0] ],
		'<', \undef, '>', \$out, '2>', \$err) or return '';
	chomp $out;
	return $out;
}

sub checkpointer
{
	return try_sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
}

# run_job returns psql's status, the error and the rows that were called.
sub run_job
{
	my ($job, $call, %options) = @_;
	my $before = checkpointer();
	my ($out, $err);

	unlink $calls;
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d',
			$node->connstr('postgres'), '-c', $options{before} // 'SELECT', '-c', "SELECT checkpoint.begin_job('$job')",
			'-c', $call, '-c', 'SELECT checkpoint.end_job()' ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(2 * $limit, name => "job '$job' has ended"));
	my $status = $? >> 8;
	# psql's word for a connection that is lost; what is expected is not always so
	if ($options{crashes} && $status == 2)
	{
		wait_until('the server has recovered', sub {
			my $now = checkpointer();
			$now ne '' && $now ne $before });
	}
	my @called = -e $calls ? split(/\n/, slurp_file($calls)) : ();
	return ($status, $err, join(',', @called));
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub processed
{
	return sql("SELECT rows_processed || ' ' || state FROM checkpoint.checkpoints WHERE job = '$_[0]'");
}

# The commit interval is so long that only what the crash row makes safe is safe.
foreach my $kind ('map', 'gen')
{
	my $udf = $kind eq 'map' ? 'f(x) AS y' : 'ARRAY[f(x), -1]';
	$udf = "unnest($udf) AS y" if $kind eq 'gen';
	my $job = "crash in $kind";
	my $input = 'SELECT x FROM generate_series(1, 20) x ORDER BY x';
	my $step = "CALL checkpoint.$kind('s', \$\$$input\$\$, '$udf'";
	my $rows = $kind eq 'map' ? 1 : 2;
	my ($status, $err, $called);

	$node->append_conf('postgresql.conf', "checkpoint.commit_interval = '1h'");
	$node->reload;

	# the first crash: all that was not committed is lost with it
	($status, $err, $called) = run_job($job, "$step)", crashes => 1);
	is($status, 2, "$kind: the row crashes the server");
	is($called, '1,2,3,4,5,6,7', 'it is the seventh');
	is(processed($job), '0 partial', 'nothing else had been committed');
	is(sql("SELECT status FROM checkpoint.jobs WHERE name = '$job'"), 'interrupted',
		'rule 12: the job shows as interrupted');
	is(sql('SELECT count(*) FROM checkpoint.errors'), '0', 'one crash is not enough');

	# the first rerun tries it again, alone: what came before it is safe
	($status, $err, $called) = run_job($job, "$step)", crashes => 1);
	is($status, 2, 'the rerun crashes again');
	is($called, '1,2,3,4,5,6,7', 'at the same row');
	is(processed($job), '6 partial', 'all that came before it is kept');

	# the second rerun does not call it any more, and computes the rest
	($status, $err, $called) = run_job($job, "$step)");
	is($status, 1, 'on_error => stop: the second rerun fails');
	like($err, qr/ERROR: +57P02: .*crashed, twice/, 'and says why');
	like($err, qr/HINT: .*on_error => 'skip'/, 'and what to do');
	is($called, join(',', 8 .. 20), 'all but that row are computed');
	is(processed($job), '19 partial', 'and kept');
	is(sql("SELECT sys__id, sqlstate, message FROM checkpoint.errors WHERE job = '$job'"),
		'7|57P02|server process crashed twice while it computed this row', 'the row is in quarantine');

	# the next ones neither
	($status, $err, $called) = run_job($job, "$step)");
	is($status, 1, 'the third rerun fails');
	is($called, '', 'without a call');
	($status, $err, $called) = run_job($job, "$step, on_error => 'skip')");
	is($status, 0, 'on_error => skip: the job goes on without the row');
	is($called, '', 'without a call');
	is(sql("SELECT status FROM checkpoint.jobs WHERE name = '$job' ORDER BY job_id DESC LIMIT 1"),
		'complete_with_errors', 'and is complete_with_errors');
	is(processed($job), '19 partial', 'rule 11: the checkpoint stays partial');

	# new code is called for it, and it leaves the quarantine
	sql('CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
		BEGIN PERFORM called(x, false, false); RETURN x * 10; END $$');
	($status, $err, $called) = run_job($job, "$step)");
	is($status, 0, 'with the function repaired the job is complete') or diag($err);
	is($called, '7', 'by the call of one row');
	is(processed($job), '20 final', 'and the checkpoint is final');
	is(sql('SELECT count(*) FROM checkpoint.errors'), '0', 'nothing is in quarantine');
	my $output = sql("SELECT output_table FROM checkpoint.checkpoints WHERE job = '$job'");
	is(sql("SELECT count(*), sum(y) FROM $output"), 20 * $rows . '|' . ($kind eq 'map' ? 2100 : 2080),
		'all rows are there, once');

	sql('CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
		BEGIN PERFORM called(x, x = 7, false); RETURN x * 10; END $$');
}

# With two processes, either may meet the row; the neighbour's row in hand, which
# the crash of the first ends by SIGQUIT, is none that crashed.
my $step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 40) x ORDER BY x',
	'f(x) AS y', workers => 2)};
my ($status, $err, $called);
foreach my $i (1 .. 2)
{
	($status, $err, $called) = run_job('two processes', $step, crashes => 1);
	is($status, 2, "two processes: crash $i");
}
($status, $err, $called) = run_job('two processes', $step);
is($status, 1, 'the second rerun fails without a crash');
unlike(",$called,", qr/,7,/, 'without a call of the row');
is(sql(q{SELECT string_agg(sys__id::text, ',') FROM checkpoint.errors WHERE job = 'two processes'}), '7',
	'which alone is in quarantine');
is(processed('two processes'), '39 partial', 'all others are computed');

# A call for several rows: after a crash, its rows are called one by one, and the one that
# crashes again is the one.  A group is called again as a row is.
sql('CREATE FUNCTION many(xs int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$
	BEGIN PERFORM called(x, x = 7, false) FROM unnest(xs) x; RETURN QUERY SELECT x * 10 FROM unnest(xs) x; END $$');
$step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 20) x ORDER BY x', 'many(x) AS y', batch => 5, on_error => 'skip')};
($status, $err, $called) = run_job('batch', $step, crashes => 1);
is($status, 2, 'a call for several rows crashes the server');
is($called, '1,2,3,4,5,6,7', 'in the second call');
($status, $err, $called) = run_job('batch', $step, crashes => 1);
is($status, 2, 'the rerun crashes again');
is($called, '1,2,3,4,5,6,7', 'at the same row, which is alone');
is(processed('batch'), '6 partial', 'the rows before it in its call are kept');
($status, $err, $called) = run_job('batch', $step);
is($status, 0, 'the second rerun goes on without the row') or diag($err);
is($called, join(',', 8 .. 20), 'and computes all others');
is(sql(q{SELECT string_agg(sys__id::text, ',') FROM checkpoint.errors WHERE job = 'batch'}), '7',
	'that row alone is in quarantine');
is(processed('batch'), '19 partial', 'all others are computed');

sql('CREATE FUNCTION of_group(x int, zs int[]) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN PERFORM called(x, x = 7, false); RETURN cardinality(zs); END $$');
$step = q{CALL checkpoint.agg('s', 'SELECT x, z FROM generate_series(1, 10) x, generate_series(1, 3) z ORDER BY x', 'of_group(x, array_agg(z)) AS n', 'x', on_error => 'skip')};
foreach my $i (1 .. 2)
{
	($status, $err, $called) = run_job('group', $step, crashes => 1);
	is($status, 2, "a group crashes the server: $i");
}
($status, $err, $called) = run_job('group', $step);
is($status, 0, 'the second rerun goes on without the group') or diag($err);
is(sql(q{SELECT sys__id || message FROM checkpoint.errors WHERE job = 'group'}),
	'7server process crashed twice while it computed this group', 'which is in quarantine');
is(processed('group'), '9 partial', 'all others are computed');

# An immediate shutdown, twice with the same row in hand: that is no crash row.
sql('CREATE FUNCTION waits(x int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN PERFORM called(x, false, x = 5); RETURN x * 10; END $$');
$step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 10) x ORDER BY x', 'waits(x) AS y')};
foreach my $mode ('immediate', 'immediate', 'fast')
{
	append_to_file("$calls.gate", '');
	unlink $calls;
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
			'-c', q{SELECT checkpoint.begin_job('shutdown')}, '-c', $step ],
		'<', \undef, '>', \my $out, '2>', \my $error, IPC::Run::timeout(2 * $limit, name => 'the job that is shut down has ended'));
	wait_until('row 5 is in hand', sub { -e $calls && slurp_file($calls) =~ /^5$/m });
	$node->stop($mode);
	$psql->finish;
	unlink "$calls.gate";
	$node->start;
}
($status, $err, $called) = run_job('shutdown', $step);
is($status, 0, 'shutdowns with the same row in hand quarantine nothing') or diag($err);
like(",$called,", qr/,5,/, 'it is computed');
is(processed('shutdown'), '10 final', 'like all others');
is(sql(q{SELECT count(*) FROM checkpoint.errors WHERE job = 'shutdown'}), '0', 'without an error');


# Twice with the same code: a crash of other code does not count.  The row is called
# until it has crashed twice with the code at hand.
sub write_version
{
	sql("CREATE OR REPLACE FUNCTION version(x int) RETURNS int LANGUAGE plpgsql AS \$\$
		BEGIN PERFORM called(x, x = 7, false); RETURN x * $_[0]; END \$\$");
}
$step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 10) x ORDER BY x', 'version(x) AS y')};
write_version(1);
($status, $err, $called) = run_job('versions', $step, crashes => 1);
is($status, 2, 'a version of the code crashes');
write_version(2);
foreach my $i (1 .. 2)
{
	($status, $err, $called) = run_job('versions', $step, crashes => 1);
	is($status, 2, "the next version crashes: $i");
	like(",$called,", qr/,7,/, 'with the row, which has not crashed twice with it');
}
($status, $err, $called) = run_job('versions', $step);
is($status, 1, 'then it does not');
unlike(",$called,", qr/,7,/, 'without a call of the row');

# A row that was in hand at a crash is alone in its transaction, also when it does
# not crash again: the next row finds it committed.
sql(q{CREATE FUNCTION tells(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM called(x, x = 7 AND current_setting('test.' || 'crashes')::bool, false);
	RETURN checkpoint.is_processed((SELECT max(checkpoint_id) FROM checkpoint.checkpoints WHERE job = 'alone'), 7);
END $$});
$step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 10) x ORDER BY x', 'tells(x) AS y')};
sql('ALTER DATABASE postgres SET test.crashes = on');
($status, $err, $called) = run_job('alone', $step, crashes => 1);
is($status, 2, 'a row crashes once');
sql('ALTER DATABASE postgres SET test.crashes = off');
($status, $err, $called) = run_job('alone', $step);
is($status, 0, 'and not again') or diag($err);
my $output = sql(q{SELECT output_table FROM checkpoint.checkpoints WHERE job = 'alone'});
is(sql("SELECT string_agg(x::text, ',' ORDER BY x) FROM $output WHERE y = 'true'"), '8,9,10',
	'it is in a transaction of its own');

# In a worker: the session waits at its first row, and a worker computes all that it
# does not have.  What a worker computes before a row that was in hand at a crash is
# safe on disk when it comes to that row.
sql(qq{CREATE FUNCTION in_worker(x int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	IF current_setting('test.' || 'leader') = pg_backend_pid()::text THEN
		PERFORM called(0, false, true);
	ELSIF current_setting('test.' || 'fails')::bool THEN
		RAISE 'before any row';
	ELSE
		PERFORM called(x, x = 30, false);
	END IF;
	RETURN x;
END \$\$});
my $in_worker = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 40) x ORDER BY x', 'in_worker(x) AS y', workers => %d)};
my $leads = q{SET test.fails = off; SELECT set_config('test.leader', pg_backend_pid()::text, false)};
my $fails = q{SET test.fails = on; SET test.leader = 0};
append_to_file("$calls.gate", '');
foreach my $i (1 .. 2)
{
	($status, $err, $called) = run_job('in worker', sprintf($in_worker, 2), crashes => 1, before => $leads);
	is($status, 2, "a worker crashes: $i");
	# The session may come to its own row, noted as 0, when the worker is through.
	is((grep { $_ != 0 } split /,/, $called)[-1], 30, 'with the row');
	if ($i == 1)
	{
		# One crash counts once, though nothing of the run's other processes is left, and
		# the reruns stop before the row.
		foreach my $j (1 .. 2)
		{
			($status, $err) = run_job('in worker', sprintf($in_worker, 1), before => $fails);
			like($err, qr/before any row/, 'a rerun with one process stops earlier');
		}
		is(sql('SELECT crashes FROM checkpoint.suspect s JOIN checkpoint.checkpoints USING (checkpoint_id) WHERE job = \'in worker\''),
			'1', 'one crash counts once');
	}
}
my @safe = sort { $a <=> $b } grep { $_ != 0 && $_ != 30 } split /,/, $called;
is(sql(q{SELECT string_agg(id::text, ',') FROM checkpoint.checkpoints c, checkpoint.processed_ids(checkpoint_id) id
	WHERE job = 'in worker'}), join(',', @safe), 'all before a suspect row is safe');
ok(@safe > 10, 'which is what the worker had computed');
unlink "$calls.gate";
is($node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/../records.sql') . 'SELECT wrong_records()'), '',
	'what is on record describes the rows');

# Rows that a process has left are looked for in a second pass: there, too.  The
# worker stops at its first row, and is terminated; the session crashes at it.
sql(qq{CREATE FUNCTION left_over(x int) RETURNS int LANGUAGE plpython3u AS \$\$
import os, signal, time
worker = plpy.execute("SELECT backend_type = 'checkpoint worker' AS is FROM pg_stat_activity WHERE pid = pg_backend_pid()")[0]['is']
if worker:
	with open('$calls.new', 'w') as file:
		file.write('%d' % x)
	os.rename('$calls.new', '$calls.left')
	plpy.execute('SELECT pg_sleep(600)')
for i in range(30000):
	if os.path.exists('$calls.left'):
		break
	plpy.execute('SELECT pg_sleep(0.01)')
if open('$calls.left').read() == str(x):
	os.kill(os.getpid(), signal.SIGSEGV)
return x
\$\$});
unlink "$calls.left";
$step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 40) x ORDER BY x', 'left_over(x) AS y'};
my $before = checkpointer();
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
		'-c', q{SELECT checkpoint.begin_job('second pass')}, '-c', "$step, workers => 2)" ],
	'<', \undef, '>', \my $psql_out, '2>', \my $psql_err);
wait_until('the worker has a row', sub { -e "$calls.left" });
# The session's crash may come before the answer.
try_sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'checkpoint worker'});
$psql->finish;
wait_until('the server has recovered', sub { my $now = checkpointer(); $now ne '' && $now ne $before });
($status, $err, $called) = run_job('second pass', "$step)", crashes => 1);
is($status, 2, 'second pass: the rerun crashes at the row that a worker has left');
($status, $err, $called) = run_job('second pass', "$step)");
is($status, 1, 'second pass: the second rerun fails without a crash');
is(sql(q{SELECT string_agg(sys__id::text, ',') FROM checkpoint.errors WHERE job = 'second pass'}),
	slurp_file("$calls.left"), 'the row is in quarantine');

# A parallel worker of a row's query that crashes has crashed at that row.
sql(q{
CREATE TABLE big AS SELECT i FROM generate_series(1, 10000) i;
CREATE FUNCTION crash() RETURNS void LANGUAGE plpython3u PARALLEL SAFE AS $$
import os, signal
os.kill(os.getpid(), signal.SIGSEGV)
$$;
CREATE FUNCTION crashes_in_parallel(crashes bool) RETURNS bool LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
	IF crashes AND (SELECT backend_type = 'parallel worker' FROM pg_stat_activity WHERE pid = pg_backend_pid()) THEN
		PERFORM crash();
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION in_parallel(x int) RETURNS int LANGUAGE plpgsql
SET parallel_setup_cost = 0 SET parallel_tuple_cost = 0 SET min_parallel_table_scan_size = 0
SET parallel_leader_participation = off AS $$
BEGIN
	PERFORM count(*) FROM big WHERE i < 10 AND crashes_in_parallel(x = 7);
	RETURN x;
END $$;
ANALYZE big;
});
$step = q{CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 20) x ORDER BY x', 'in_parallel(x) AS y')};
foreach my $i (1 .. 2)
{
	($status, $err, $called) = run_job('parallel', $step, crashes => 1);
	is($status, 2, "a parallel worker: crash $i") or diag($err);
}
($status, $err, $called) = run_job('parallel', $step);
is($status, 1, 'a parallel worker: the second rerun fails without a crash');
is(sql(q{SELECT string_agg(sys__id::text, ',') FROM checkpoint.errors WHERE job = 'parallel'}), '7',
	'the row is in quarantine');

# hold_row starts a job that stops with row 5 in hand.
sub hold_row
{
	my ($job) = @_;
	my ($out, $err) = ('', '');

	append_to_file("$calls.gate", '');
	unlink $calls;
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			'-c', "SELECT checkpoint.begin_job('$job')",
			'-c', "CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 10) x ORDER BY x', 'waits(x) AS y', cache_version => '$job')" ],
		'<', \undef, '>', \$out, '2>', \$err);
	wait_until('row 5 is in hand', sub { -e $calls && slurp_file($calls) =~ /^5$/m });
	return $psql;
}

# marks returns the files of a job's checkpoint.
sub marks
{
	my $checkpoint = sql("SELECT max(checkpoint_id) FROM checkpoint.checkpoints WHERE job = '$_[0]'");

	return glob($node->data_dir . "/pg_checkpoint/*_${checkpoint}_*");
}

# A base backup has no marks.
$psql = hold_row('backup');
is(scalar(my @held = marks('backup')), 1, 'a row is in hand');
$node->backup('marks');
is(join(',', glob($node->backup_dir . '/marks/pg_checkpoint/*')), '', 'which a base backup does not have');
unlink "$calls.gate";
$psql->finish;
is(processed('backup'), '10 final', 'the step goes on');

# A mark counts where it was made and nowhere else: not in a copy of the files.
foreach my $copied (0, 1)
{
	my $job = "copied $copied";

	$psql = hold_row($job);
	$before = checkpointer();
	kill 'KILL', sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL checkpoint.map%'});
	$psql->finish;
	wait_until('the server has recovered', sub { my $now = checkpointer(); $now ne '' && $now ne $before });
	my ($mark) = marks($job);
	if ($copied)
	{
		PostgreSQL::Test::Utils::system_or_bail('cp', $mark, "$calls.copy");
		unlink $mark;
		append_to_file("$mark.other", 'takes the inode that has become free');
		PostgreSQL::Test::Utils::system_or_bail('cp', "$calls.copy", $mark);
		unlink "$mark.other";
	}
	$psql = hold_row($job);
	is(sql('SELECT count(*) FROM checkpoint.suspect JOIN checkpoint.checkpoint USING (checkpoint_id) WHERE job_name = ' . "'$job'"),
		1 - $copied, $copied ? 'the copy of a mark does not count' : 'a mark counts');
	unlink "$calls.gate";
	$psql->finish;
	is(processed($job), '10 final', 'the step goes on');
}

# A file that cannot be written to any more costs the mark, not the server.
$psql = hold_row('no space');
$before = checkpointer();
truncate((marks('no space'))[0], 0) or die "could not truncate: $!";
unlink "$calls.gate";
$psql->finish;
is(processed('no space'), '10 final', 'the step goes on without a mark');
is(checkpointer(), $before, 'and so does the server');
is(join(',', marks('no space')), '', 'no mark is left');

$node->stop;
done_testing();
