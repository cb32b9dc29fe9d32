# Rules 6, 7 and 8 under random faults: whatever dies, whenever, no result is
# lost, doubled or computed again.
#
# Each scenario is a step, map, gen or agg, of one to six processes with functions,
# which may take several rows a call, sizes and
# settings of its own; in some, another session runs another step of the job at the
# same time.  It is run until it is final, and some of its runs are met by a fault: a process is killed, terminated or cancelled, the server stops or
# dies, the disk is full, the client is gone.  After every run we look at what
# is kept, and at the calls that were made:
#
# - rule 6: the output, and what the function wrote elsewhere, are exactly what
#   a plain SELECT gives for the rows that are recorded as processed.  (What it
#   wrote on another server is there, and may be there twice: nothing ties the
#   commits of two servers together if a process dies between them.)
# - no row that was processed when a run began is called by it;
# - each call whose row was not kept is one that rule 7 or 8 allows.
#
# At last the output is exactly that of the plain SELECT.
#
# The function appends a line to a file whenever it is called: process, row and
# time.  So calls are counted whatever becomes of transactions and servers.
#
#	SEED=n		repeat the choices of a run
#	FAULTS=n	how many faults
#
# It takes minutes: test/run --without=long leaves it out.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime usleep CLOCK_MONOTONIC);

my $seed = $ENV{SEED} // int(rand(1_000_000_000));
my $want = $ENV{FAULTS} // 60;
srand($seed);
diag("SEED=$seed FAULTS=$want");

# Milliseconds.  The clock of deadlines is a coarse one, and later still on a machine
# with much to do; a server that dies loses what was committed since its WAL writer's
# last round, and a busy disk may make that round a slow one.  Longer than that no
# process makes no call, but where the machine stands still.
my $wal_writer_delay = 10;
my $coarse_clock = 200;
my $slow_disk = 1000;
my $longest_call = 200;

#
# The server
#

my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init(extra => ['--wal-segsize=1']);
$node->append_conf('postgresql.conf', qq{
fsync = on
restart_after_crash = on
wal_writer_delay = ${wal_writer_delay}ms
autovacuum = on
autovacuum_naptime = 5s
log_statement = none
max_worker_processes = 12
max_wal_size = 32MB
wal_level = ${\ pick('minimal', 'replica')}
client_min_messages = warning
});
$node->start;
$node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/../records.sql') =~ s/^/CREATE EXTENSION checkpoint;\n/r);
$node->safe_psql('postgres', q{
CREATE EXTENSION plpython3u;
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA faults;
CREATE TABLE faults.flush ();

-- notes a call and waits while the gate, a file, is there and the row is one of
-- those that it stops
CREATE FUNCTION faults.called(path text, x int, stops bool) RETURNS void
LANGUAGE plpython3u AS $$
import os, time
if GD.get('path') != path:
	if 'path' in GD:
		os.close(GD['calls'])
	GD['calls'] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
	GD['path'] = path
os.write(GD['calls'], b'%d %d %.6f\n' % (os.getpid(), x, time.monotonic()))
while stops and os.path.exists(path + '.gate'):
	plpy.execute('SELECT pg_sleep(0.005)')
$$;

-- notes a call for several rows: each row, at the same time
CREATE FUNCTION faults.called(path text, xs int[]) RETURNS void
LANGUAGE plpython3u AS $$
import os, time
now = time.monotonic()
with open(path, 'ab', buffering=0) as calls:
	calls.write(b''.join(b'%d %d %.6f\n' % (os.getpid(), x, now) for x in xs))
$$;

-- what the other step calls: slow enough to be there when something happens
CREATE FUNCTION faults.companion(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x % 10 = 0 THEN
		PERFORM pg_sleep(0.01);
	END IF;
	RETURN -x;
END $$;

CREATE FUNCTION faults.pad(x int, n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(string_agg(md5((x * 100 + i)::text), '' ORDER BY i), '')
	FROM generate_series(1, n) i
$$;

-- compare says what is kept of a job's step, which counts whether rows are
-- exactly those of a plain SELECT: expected gives x and the columns of the output.
-- written is where the function wrote rows, at least those, if it may have been more;
-- counter where it counted them.
CREATE FUNCTION faults.compare(job text, step text, expected text, columns text, written regclass, more bool, counter regclass)
RETURNS TABLE (state text, processed text, failed text, wrong text) LANGUAGE plpgsql AS $$
DECLARE
	cp checkpoint.checkpoints;
	ids text;
	n bigint;
BEGIN
	SELECT * INTO cp FROM checkpoint.checkpoints c WHERE c.job = compare.job AND c.step = compare.step
	ORDER BY c.checkpoint_id DESC LIMIT 1;
	IF NOT FOUND THEN
		RETURN QUERY VALUES ('none', '', '', '');
		RETURN;
	END IF;
	state := cp.state;
	wrong := '';
	IF cp.state = 'final' THEN
		ids := format('SELECT generate_series(1, %s) AS id', cp.rows_total);
	ELSE
		ids := format('SELECT id FROM checkpoint.processed_ids(%s) id', cp.checkpoint_id);
	END IF;
	EXECUTE 'SELECT coalesce(string_agg(id::text, '','' ORDER BY id), '''') FROM ('||ids||') p' INTO processed;
	SELECT coalesce(string_agg(sys__id::text, ',' ORDER BY sys__id), '') INTO failed
	FROM checkpoint.errors e WHERE e.checkpoint_id = cp.checkpoint_id;

	EXECUTE format('WITH ids AS MATERIALIZED (%s), expected AS MATERIALIZED (
			SELECT %s FROM (%s) e WHERE x IN (SELECT id FROM ids))
		SELECT count(*) FROM ((SELECT %2$s FROM %4$s EXCEPT ALL TABLE expected) UNION ALL
			(TABLE expected EXCEPT ALL SELECT %2$s FROM %4$s)) d',
		ids, columns, expected, cp.output_table) INTO n;
	IF n > 0 THEN
		wrong := wrong || format('%s rows of the output are wrong. ', n);
	END IF;
	EXECUTE format('SELECT count(*) - count(DISTINCT sys__id) FROM %s', cp.output_table) INTO n;
	IF n > 0 THEN
		wrong := wrong || format('%s values of sys__id are not unique. ', n);
	END IF;
	IF written IS NOT NULL THEN
		EXECUTE format('WITH ids AS MATERIALIZED (%s)
			SELECT count(*) FROM ((SELECT x FROM %s WHERE NOT %3$L EXCEPT ALL SELECT id FROM ids WHERE faults.writes(id::int))
				UNION ALL (SELECT id FROM ids WHERE faults.writes(id::int) EXCEPT ALL SELECT x FROM %2$s)) d',
			ids, written, more) INTO n;
		IF n > 0 THEN
			wrong := wrong || format('%s rows that the function wrote are wrong. ', n);
		END IF;
	END IF;
	IF counter IS NOT NULL THEN
		EXECUTE format('SELECT n - (SELECT count(*) FROM (%s) p) FROM %s', ids, counter) INTO n;
		IF n <> 0 THEN
			wrong := wrong || format('the function counted %s rows too many. ', n);
		END IF;
	END IF;
	RETURN NEXT;
END $$;
});

# the same server, as another one
$node->safe_psql('postgres', "CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '${\ $node->host}', port '${\ $node->port}', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere");

sub pick { return $_[ int(rand(@_)) ]; }
sub between { my ($lo, $hi) = @_; return $lo + int(rand($hi - $lo + 1)); }
sub chance { return rand() < $_[0]; }
sub now { return clock_gettime(CLOCK_MONOTONIC) * 1000; }

sub alive
{
	my ($pid) = @_;
	my $stat = eval { slurp_file("/proc/$pid/stat") } or return 0;

	return $stat !~ /\) [ZX] /;
}

# children lists the processes of the server.
sub children
{
	my ($pid) = @_;
	my @pids;

	foreach my $file (glob('/proc/[0-9]*/stat'))
	{
		my $stat = eval { slurp_file($file) } or next;
		push @pids, $1 if $stat =~ /^(\d+) \(.*\) \S $pid /s;
	}
	return @pids;
}

# wait_until polls for a condition.
sub wait_until
{
	my ($what, $condition) = @_;
	my $end = now() + 1000 * $PostgreSQL::Test::Utils::timeout_default;

	until ($condition->())
	{
		die "timed out waiting until $what" if now() > $end;
		usleep(10_000);
	}
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

# try_sql returns '' if the server does not answer, or with an error.
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

#
# A scenario
#

my $number = 0;

sub make_scenario
{
	my $s = { number => ++$number, code => 0 };
	my $disk = chance(0.12);

	$s->{disk} = $disk;
	$s->{kind} = pick('map', 'gen', 'agg');
	# a call for several rows: where it fails, halves are called again
	$s->{batch} = $s->{kind} eq 'map' && chance(0.4) ? pick(2, 7, 64) : 0;
	$s->{rows} = between(500, 1500);
	$s->{on_error} = pick('stop', 'skip');
	$s->{writes} = pick('no', 'no', 'no', 'always', 'sometimes', 'elsewhere', 'counter');
	$s->{workers} = pick(1, 2, 2, 2, 3, 6);
	$s->{companion} = !$disk && chance(0.25);
	$s->{pad} = $disk ? 56 : pick(0, 0, 5);
	$s->{slow_every} = between(10, 60);
	$s->{slow_ms} = between(1, int(1200 * $s->{slow_every} / $s->{rows}) + 1);
	$s->{commit_interval} = pick(5, 20, 20, 100);
	$s->{batch_rows} = pick(1, 10, 1000, 1000);
	# not where it would take two reasons to explain a run: see account()
	$s->{bad} = !$disk && $s->{writes} ne 'sometimes' && chance(0.35) ?
		[ map { between(1, $s->{rows}) } 1 .. ($s->{on_error} eq 'stop' ? 1 : between(1, 10)) ] : [];
	$s->{gates} = !$s->{batch} && chance(0.5) ? [ between(1, $s->{rows}), between(1, $s->{rows}) ] : [];
	$s->{changes_code} = chance(0.3);
	$s->{faults} = $disk ? 1 : between(1, 3);
	$s->{calls} = "$PostgreSQL::Test::Utils::tmp_check/calls_$number";
	$s->{calls_seen} = 0;
	$s->{crashed_with} = {};

	sql(qq{CREATE TABLE faults.written_$number (x int);
CREATE FOREIGN TABLE faults.elsewhere_$number (x int) SERVER elsewhere
	OPTIONS (schema_name 'faults', table_name 'written_$number');
CREATE TABLE faults.counter_$number AS SELECT 0::bigint AS n;
CREATE OR REPLACE FUNCTION faults.writes(x int) RETURNS bool LANGUAGE sql IMMUTABLE AS \$\$
	SELECT ${\ ($s->{writes} eq 'sometimes' ? 'x % 9 = 0' : 'true')} \$\$});
	write_function($s);
	return $s;
}

# write_function makes the scenario's function, or the next version of it.
sub write_function
{
	my ($s) = @_;
	my $n = $s->{number};
	my $body = "	version int := $s->{code};\nBEGIN\n";

	$body .= "	PERFORM faults.called('$s->{calls}', i, " .
	  (@{ $s->{gates} } ? "i IN (" . join(', ', @{ $s->{gates} }) . ")" : 'false') . ");\n";
	$body .= "	INSERT INTO faults.written_$n VALUES (i);\n" if $s->{writes} eq 'always';
	$body .= "	INSERT INTO faults.elsewhere_$n VALUES (i);\n" if $s->{writes} eq 'elsewhere';
	# all processes update one row: each waits for the others' transactions
	$body .= "	UPDATE faults.counter_$n SET n = n + 1;\n" if $s->{writes} eq 'counter';
	$body .= "	IF i % 9 = 0 THEN INSERT INTO faults.written_$n VALUES (i); END IF;\n"
	  if $s->{writes} eq 'sometimes';
	$body .= "	IF i % $s->{slow_every} = 0 THEN PERFORM pg_sleep($s->{slow_ms} / 1000.0); END IF;\n";
	$body = batch_body($s) if $s->{batch};
	my $raise = !@{ $s->{bad} } ? '' :
	  "	IF i IN (" . join(', ', @{ $s->{bad} }) . ") THEN RAISE 'bad row %', i; END IF;\n";
	if ($s->{batch})
	{
		$raise =~ s/i IN \((.*)\) THEN RAISE 'bad row %', i;/rows && ARRAY[$1] THEN RAISE 'bad row among %', rows;/;
		$body .= "$raise	FOREACH i IN ARRAY rows LOOP y := i * 3 + 1; pad := faults.pad(i, $s->{pad}); RETURN NEXT; END LOOP;\n";
	}
	elsif ($s->{kind} ne 'gen')
	{
		$body .= "$raise	y := i * 3 + 1; pad := faults.pad(i, $s->{pad});\n";
	}
	else
	{
		$body .= "	FOR part IN 1 .. i % 4 LOOP x := i; y := part; pad := faults.pad(i, $s->{pad}); RETURN NEXT;\n" .
		  "	END LOOP;\n$raise";
	}
	$body .= "END";
	my $type = $s->{batch} ? 'f(rows int[]) RETURNS TABLE (y int, pad text)' :
	  $s->{kind} eq 'map' ? 'f(i int, OUT y int, OUT pad text)' :
	  $s->{kind} eq 'agg' ? 'f(i int, members int[], OUT y int, OUT pad text)' :
	  'f(i int) RETURNS TABLE (x int, y int, pad text)';
	$type =~ s/^f/f_$n/;
	sql("CREATE OR REPLACE FUNCTION faults.$type LANGUAGE plpgsql AS \$\$\nDECLARE\n$body \$\$");
}

# batch_body is the beginning of a function that is called for several rows.
sub batch_body
{
	my ($s) = @_;
	my $n = $s->{number};
	my $some = $s->{writes} eq 'sometimes' ? ' WHERE x % 9 = 0' : '';
	my $into = $s->{writes} eq 'elsewhere' ? "elsewhere_$n" : "written_$n";
	my $body = "	version int := $s->{code}; i int;\nBEGIN\n	PERFORM faults.called('$s->{calls}', rows);\n";

	$body .= "	UPDATE faults.counter_$n SET n = n + cardinality(rows);\n" if $s->{writes} eq 'counter';
	$body .= "	IF EXISTS (SELECT FROM unnest(rows) x$some) THEN INSERT INTO faults.$into SELECT x FROM unnest(rows) x$some; END IF;\n"
	  if $s->{writes} !~ /no|counter/;
	return $body . "	PERFORM pg_sleep(count(*) * $s->{slow_ms} / 1000.0) FROM unnest(rows) x WHERE x % $s->{slow_every} = 0;\n";
}

sub expected
{
	my ($s) = @_;

	return $s->{kind} ne 'gen' ?
	  "SELECT x, x * 3 + 1 AS y, faults.pad(x, $s->{pad}) AS pad FROM generate_series(1, $s->{rows}) x" :
	  "SELECT x, y, faults.pad(x, $s->{pad}) AS pad FROM generate_series(1, $s->{rows}) x, generate_series(1, x % 4) y";
}

sub describe
{
	my ($s) = @_;

	return "$s->{kind} of $s->{rows} rows, batch $s->{batch}, $s->{workers} processes" . ($s->{companion} ? ' and another step' : '') . ", on_error $s->{on_error}, writes $s->{writes}, "
	  . @{ $s->{bad} } . " bad rows, commit_interval $s->{commit_interval}, batch_rows $s->{batch_rows}";
}

# kept returns what compare says, and that about the processed rows as a hash.
sub kept
{
	my ($s) = @_;
	my $written = $s->{writes} eq 'no' || $s->{writes} eq 'counter' ? 'NULL' : "'faults.written_$s->{number}'";
	my $counter = $s->{writes} eq 'counter' ? "'faults.counter_$s->{number}'" : 'NULL';
	my $more = $s->{writes} eq 'elsewhere' && $s->{died} ? 'true' : 'false';
	my ($state, $processed, $failed, $wrong) = split /\|/, sql(
		"SELECT * FROM faults.compare('job $s->{number}', 'f', \$\$" . expected($s) .
		"\$\$, 'x, y, pad', $written, $more, $counter)"), -1;
	$wrong .= join('; ', split /\n/, sql("SELECT public.wrong_records('job $s->{number}')")) if $state ne 'none';
	if ($s->{companion})
	{
		my (undef, undef, undef, $other) = split /\|/, sql("SELECT * FROM faults.compare('job $s->{number}', 'g',
			\$\$SELECT x, -x AS y FROM generate_series(1, $s->{rows}) x\$\$, 'x, y', NULL, false, NULL)"), -1;
		$wrong .= "of the other step: $other" if $other ne '';
	}

	return { state => $state, wrong => $wrong,
		processed => { map { $_ => 1 } split /,/, $processed },
		failed => { map { $_ => 1 } split /,/, $failed } };
}

# new_calls returns the calls noted since the last time: [process, row, time].
sub new_calls
{
	my ($s) = @_;
	my @calls;

	return [] unless -e $s->{calls};
	open my $file, '<', $s->{calls} or die "$s->{calls}: $!";
	seek $file, $s->{calls_seen}, 0;
	while (my $line = <$file>)
	{
		$line =~ /^(\d+) (\d+) (\d+\.\d+)\n$/ or die "$s->{calls}: \"$line\"";
		push @calls, [ $1, $2, $3 * 1000 ];
	}
	$s->{calls_seen} = tell $file;
	close $file;
	return \@calls;
}

# peek_calls counts the calls of this run, and finds out its processes.
sub peek_calls
{
	my ($s, $run) = @_;

	open my $file, '<', $s->{calls} or return;
	seek $file, $s->{calls_seen}, 0;
	$run->{ncalls} = 0;
	while (my $line = <$file>)
	{
		my ($pid, $row) = $line =~ /^(\d+) (\d+) .*\n$/ or last;
		$run->{ncalls}++;
		$run->{last}{$pid} = $row;
	}
	close $file;
}

#
# A run
#

# start_run starts a psql that runs the job.
sub start_run
{
	my ($s, %options) = @_;
	my $run = { out => '', err => '', ncalls => 0, ncalls_before => 0, last => {} };
	my $arguments = "'f', 'SELECT x AS i FROM generate_series(1, $s->{rows}) x ORDER BY x', " .
	  "'faults.f_$s->{number}(i)', workers => $s->{workers}, on_error => '$s->{on_error}'";

	# map's output has its input's columns: that is x, so name it so
	$arguments =~ s/SELECT x AS i/SELECT x/, $arguments =~ s/\(i\)/(x)/ if $s->{kind} ne 'gen';
	$arguments .= ", batch => $s->{batch}" if $s->{batch};
	if ($s->{kind} eq 'agg')
	{
		$arguments =~ s/SELECT x (.*) ORDER BY x/SELECT x, z $1, generate_series(1, 1 + x % 3) z ORDER BY x, z/;
		$arguments =~ s/\(x\)',/(x, array_agg(z))', partition_by => 'x',/;
	}
	my $script = "$s->{calls}.sql";
	# the job is nobody's if sessions share it
	my $begin = "SELECT checkpoint.begin_job('job $s->{number}') IS NULL;";
	my $end = "SELECT checkpoint.end_job();";
	if ($s->{companion})
	{
		my $job = sql("SELECT checkpoint.begin_job('job $s->{number}', attach => false)");

		$begin = $end = '';
		$arguments .= ", job => $job";
		$run->{job} = $job;
		$run->{companion} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
				'-c', "SET application_name = 'leader'", '-c', "SET checkpoint.commit_interval = $s->{commit_interval}",
				'-c', "CALL checkpoint.map('g', 'SELECT x FROM generate_series(1, $s->{rows}) x', 'faults.companion(x) AS y', job => $job)" ],
			'<', \undef, '>', \$run->{companion_out}, '2>', \$run->{companion_err},
			IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'the other step has ended'));
	}
	unlink $script;
	append_to_file($script, qq{
SET application_name = 'leader';
SET checkpoint.commit_interval = $s->{commit_interval};
SET checkpoint.batch_rows = $s->{batch_rows};
SET client_connection_check_interval = ${\ ($options{check_client} // 0)};
SELECT pg_backend_pid();
$begin
CALL checkpoint.$s->{kind}($arguments);
$end
\\echo end
});
	$run->{psql} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d',
			$node->connstr('postgres'), '-f', $script ],
		'<', \undef, '>', \$run->{out}, '2>', \$run->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default, name => 'the step has ended'));
	return $run;
}

# ended looks for what psql wrote and returns whether it has ended.
sub ended
{
	my ($run) = @_;

	$run->{psql}->pump_nb if $run->{psql}->pumpable;
	$run->{leader} //= $1 if $run->{out} =~ /^(\d+)$/m;
	return !alive($run->{psql}{KIDS}[0]{PID});
}

sub end_run
{
	my ($run) = @_;

	$run->{psql}->finish;
	ended($run);
	$run->{worked} = $run->{out} =~ /^end$/m;
	if ($run->{companion})
	{
		$run->{companion}->finish;
	}
}

sub wait_for_end
{
	my ($run) = @_;

	wait_until('psql has ended', sub { ended($run) });
	end_run($run);
}

# wait_for_nobody waits until all processes of a run have ended.
sub wait_for_nobody
{
	my ($run) = @_;

	wait_until('no process of the step is left', sub {
		sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leader'
			OR backend_type = 'checkpoint worker'}) eq '0' });
}

#
# Faults.  Each takes the scenario and the run, and returns false if it comes too
# late; what it costs is
#
#	cancel	the row in hand: rule 8, a cancel
#	process	commit_interval and the row in hand: rule 8, a terminated or crashed process
#	server	and what asynchronous commits may lose
#

# may_have_worker says whether there can be one.
sub may_have_worker { my ($s) = @_; return $s->{workers} > 1; }

sub worker_of
{
	my ($run) = @_;

	foreach my $pid (keys %{ $run->{last} })
	{
		return $pid if $run->{leader} && $pid != $run->{leader} && alive($pid);
	}
	return undef;
}

sub crash_of
{
	my ($s, $run, $pid) = @_;
	my $before = checkpointer();
	my $log = -s $node->logfile;
	my $crash = 0;

	return 0 unless $pid && alive($pid);
	$run->{time} = now();
	kill 'KILL', $pid;
	wait_for_end($run);
	# a process that had just ended takes nobody with it
	wait_until('the process is gone', sub { !kill(0, $pid) });
	foreach my $i (1 .. 1000)
	{
		$crash = slurp_file($node->logfile, $log) =~ /\(PID $pid\) was terminated by signal 9/ and last;
		usleep(10_000);
	}
	return 0 unless $crash;
	wait_until('the server has recovered', sub {
		my $now = checkpointer();
		$now ne '' && $now ne $before });
	$run->{killed} = $pid;
	return 1;
}

# stop_server stops the server and starts it again when all is gone.
sub stop_server
{
	my ($s, $run, $stop) = @_;
	my $postmaster = $node->{_pid};
	my @pids = children($postmaster);

	$run->{time} = now();
	$stop->();
	unlink "$s->{calls}.gate";
	wait_for_end($run);
	wait_until('the server\'s processes have ended',
		sub { !kill(0, $postmaster) && !grep { alive($_) } @pids });
	$node->start;
	return 1;
}

my %faults = (
	'kill -9 of the leader' => { costs => 'server', weight => 3, hit => sub {
		my ($s, $run) = @_;
		return crash_of($s, $run, $run->{leader}); } },
	'kill -9 of a worker' => { costs => 'server', weight => 3, worker => 1, hit => sub {
		my ($s, $run) = @_;
		return crash_of($s, $run, worker_of($run)); } },
	'kill -9 of the postmaster' => { costs => 'server', weight => 2, hit => sub {
		my ($s, $run) = @_;
		return stop_server($s, $run, sub { $node->kill9 }); } },
	'immediate shutdown' => { costs => 'server', weight => 2, hit => sub {
		my ($s, $run) = @_;
		return stop_server($s, $run, sub { $node->stop('immediate') }); } },
	'fast shutdown' => { costs => 'process', weight => 1, hit => sub {
		my ($s, $run) = @_;
		return stop_server($s, $run, sub { $node->stop('fast') }); } },
	'pg_cancel_backend of the leader' => { costs => 'cancel', weight => 2, hit => sub {
		my ($s, $run) = @_;
		return 0 unless $run->{leader};
		return sql("SELECT pg_cancel_backend($run->{leader})") eq 't'; } },
	'pg_cancel_backend of a worker' => { costs => 'cancel', weight => 1, worker => 1, hit => sub {
		my ($s, $run) = @_;
		my $pid = worker_of($run) or return 0;
		return try_sql("SELECT pg_cancel_backend($pid)") eq 't'; } },
	'cancel_job' => { costs => 'cancel', weight => 2, hit => sub {
		my ($s, $run) = @_;
		return sql(q{SELECT checkpoint.cancel_job(max(job_id)) FROM checkpoint.jobs}) eq 't'; } },
	'pg_terminate_backend of the leader' => { costs => 'process', weight => 2, hit => sub {
		my ($s, $run) = @_;
		return 0 unless $run->{leader};
		return sql("SELECT pg_terminate_backend($run->{leader})") eq 't'; } },
	'pg_terminate_backend of a worker' => { costs => 'process', weight => 2, worker => 1, hit => sub {
		my ($s, $run) = @_;
		my $pid = worker_of($run) or return 0;
		return try_sql("SELECT pg_terminate_backend($pid)") eq 't'; } },
	'lost client' => { costs => 'process', weight => 2, check_client => [ 0, 20 ], hit => sub {
		my ($s, $run) = @_;
		kill 'KILL', $run->{psql}{KIDS}[0]{PID};
		return 1; } },
	# The limit on the size of files is that of the processes which the
	# postmaster starts from now on: large enough for WAL and catalogs.
	'full disk' => { costs => 'process', weight => 0, disk => 1, hit => sub { return 0; } },
);

sub pick_fault
{
	my ($s) = @_;
	my @names = map { ($_) x $faults{$_}{weight} } grep { !$faults{$_}{worker} || may_have_worker($s) } sort keys %faults;

	return $s->{disk} ? 'full disk' : pick(@names);
}

#
# What a run may have cost
#

my $longest = 0;				# before a crash of the server, ms

# failed_calls returns the indexes of calls for several rows of which one is bad, as a
# hash, and complaints about rows that were called more often than halving takes.
# A process may have died before it noted that a row had failed.
sub failed_calls
{
	my ($s, $calls, $times) = @_;
	my (%bad_of_call, %failed, %calls_of_bad);

	return ({}, []) unless $s->{batch};
	foreach my $call (@$calls)
	{
		next unless grep { $_ == $call->[1] } @{ $s->{bad} };
		push @{ $bad_of_call{"$call->[0] $call->[2]"} }, $call->[1];
		$calls_of_bad{ $call->[1] }++;
	}
	foreach my $i (0 .. $#$calls)
	{
		$failed{$i} = 1 if $bad_of_call{"$calls->[$i][0] $calls->[$i][2]"};
	}
	# once as a whole, and once in each half that has it; a function that writes may be called
	# once more, as a whole
	my $most = 2;
	for (my $n = $s->{batch}; $n > 1; $n = int(($n + 1) / 2)) { $most++; }
	return (\%failed, [ map { "row $_ failed in $calls_of_bad{$_} calls" }
		  grep { $calls_of_bad{$_} > $times * $most } sort keys %calls_of_bad ]);
}

# stood_still returns for how long a process made no call between two times, beyond
# what a call may take.
sub stood_still
{
	my ($calls, $pid, $from, $to) = @_;
	my @times = grep { $_ > $from && $_ < $to } map { $_->[2] } grep { $_->[0] == $pid } @$calls;
	my $sum = 0;

	foreach my $time (sort({ $a <=> $b } @times), $to)
	{
		$sum += max(0, $time - $from - $longest_call);
		$from = $time;
	}
	return $sum;
}

# account compares the calls of a run with what was kept before and after it,
# and returns complaints.
sub account
{
	my ($s, $run, $before, $after) = @_;
	my $calls = new_calls($s);
	my $costs = $run->{fault} ? $faults{ $run->{fault} }{costs} : 'none';
	my %bad = map { $_ => 1 } @{ $s->{bad} };
	my (%of_row, %last, %lost, @complaints);

	foreach my $i (0 .. $#$calls)
	{
		my ($pid, $row) = @{ $calls->[$i] };

		push @{ $of_row{$row} }, $i;
		$last{$pid} = $i;
		push @complaints, "row $row was processed and is called again"
		  if $before->{processed}{$row};
	}

	# A call for several rows that has failed is made again for its halves.
	my ($failed, $too_many) = failed_calls($s, $calls, $run->{fault} ? 2 : 1);
	push @complaints, @$too_many;

	# A row's last call is the one that counts, if the row was kept or failed.
	foreach my $row (keys %of_row)
	{
		my @calls_of_row = grep { !$failed->{$_} } @{ $of_row{$row} };

		pop @calls_of_row if $after->{processed}{$row} || ($bad{$row} && !$s->{batch});
		push @{ $lost{ $calls->[$_][0] } }, $_ foreach @calls_of_row;
	}

	$run->{lost} = 0;
	foreach my $pid (keys %lost)
	{
		# the rows of the call in hand, which may have taken long
		my $at_last = $calls->[ $last{$pid} ][2];
		my @lost = sort { $a <=> $b } grep { $calls->[$_][2] != $at_last } @{ $lost{$pid} };

		$run->{lost} += @{ $lost{$pid} };
		next unless @lost;
		my ($first, $end) = ($calls->[ $lost[0] ][2], $calls->[ $lost[-1] ][2]);
		my $who = ($run->{leader} // 0) == $pid ? 'leader' : 'worker';
		my $what = sprintf('%d calls of the %s in %d ms', scalar(@lost), $who, $end - $first);

		if ($costs eq 'server')
		{
			my $crash = $run->{time} < $at_last ? $run->{time} : $at_last;
			my $idle = stood_still($calls, $pid, $first, $crash);

			$longest = $crash - $first - $s->{commit_interval}
			  if $crash - $first - $s->{commit_interval} > $longest;
			my $allowed = $s->{commit_interval} + 3 * $wal_writer_delay + $slow_disk + $idle;

			# a row may wait for a transaction of each other process
			$allowed += $s->{workers} * $s->{commit_interval} if $s->{writes} eq 'counter';

			push @complaints, sprintf('%s were lost, the first %d ms before the crash, with %d allowed',
				$what, $crash - $first, $allowed) if $crash - $first > $allowed;
		}
		# a transaction takes no row when its time is up
		elsif ($end - $first > $s->{commit_interval} + $coarse_clock)
		{
			push @complaints, "$what were lost, with $s->{commit_interval} ms allowed";
		}
		# a cancel may make a connection to another server useless, and the transaction with it
		elsif ($costs ne 'process' && $s->{writes} ne 'sometimes' && $s->{writes} ne 'elsewhere')
		{
			push @complaints, "$what were lost, and not only the row in hand";
		}
		elsif ($run->{worked} && $who eq 'leader')
		{
			push @complaints, "$what were lost, and only a worker had died";
		}
	}
	foreach my $row (keys %{ $run->{durable} // {} })
	{
		push @complaints, "row $row was flushed to disk and is lost" unless $after->{processed}{$row};
	}
	foreach my $row (keys %{ $before->{processed} })
	{
		push @complaints, "row $row was kept and is lost" unless $after->{processed}{$row};
	}
	if ($run->{killed})
	{
		my $i = $last{ $run->{killed} };
		my @in_hand = defined $i ? grep { $_->[0] == $run->{killed} && $_->[2] == $calls->[$i][2] } @$calls : ();

		$s->{crashed_with}{ $_->[1] }++ foreach @in_hand;
	}
	push @complaints, "after the run: $after->{wrong}" if $after->{wrong} ne '';
	$run->{calls} = @$calls;
	splice @complaints, 10, @complaints - 10, '...' if @complaints > 10;
	return @complaints;
}

# run_with_fault runs the scenario's job and meets it with a fault when a
# condition, chosen at random, holds.
sub run_with_fault
{
	my ($s, $before) = @_;
	my $name = pick_fault($s);
	my $fault = $faults{$name};
	my $left = $s->{rows} - keys %{ $before->{processed} };
	my $when = pick('calls', 'calls', 'committed');
	my $target = between(1, $left);
	my $gated = @{ $s->{gates} } && !$s->{disk} && chance(0.7);
	my $check_client = pick(@{ $fault->{check_client} // [0] });
	my $postmaster = $node->{_pid};
	my $hit = 0;
	my $still = 0;

	append_to_file("$s->{calls}.gate", '') if $gated;
	system_or_bail('prlimit', '--pid', $postmaster, '--fsize=' . between(1_100_000, 1_500_000) . ':')
	  if $s->{disk};
	my $run = start_run($s, check_client => $check_client);
	wait_until("$name can hit", sub {
		usleep(1000);
		return 1 if ended($run);
		return 0 if $s->{disk};
		peek_calls($s, $run);
		# nobody gets further, and what the fault wants is not there: let go
		$still = $run->{ncalls} == $run->{ncalls_before} ? $still + 1 : 0;
		$run->{ncalls_before} = $run->{ncalls};
		unlink "$s->{calls}.gate" if $still > 200;
		return 0 if !$run->{leader} || ($fault->{worker} && !worker_of($run));
		# at a gate nobody gets further
		if ($gated)
		{
			my %at = map { $_ => 1 } values %{ $run->{last} };
			my @waiting = grep { $at{$_} } @{ $s->{gates} };

			return 1 if @waiting && ($run->{ncalls} >= $target || $still > 0);
		}
		return $run->{ncalls} >= $target if $when eq 'calls';
		my $done = sql(q{SELECT coalesce(max(rows_done - rows_kept), 0) FROM checkpoint.progress
			JOIN checkpoint.steps USING (job_id, step) WHERE step = 'f'});
		return $done >= $target; });

	if ($s->{disk})
	{
		end_run($run);
		system_or_bail('prlimit', '--pid', $postmaster, '--fsize=unlimited:');
		$hit = $run->{err} =~ /File too large/ || ($run->{err} ne '' && $run->{err} !~ /bad row/);
	}
	elsif (!ended($run))
	{
		# what was seen before another transaction was flushed is safe
		if ($fault->{costs} eq 'server' && chance(0.5))
		{
			my ($ids) = split /\n/, sql(qq{
				SELECT coalesce(string_agg(id::text, ','), '')
				FROM (SELECT max(checkpoint_id) AS cp FROM checkpoint.checkpoints
					WHERE job = 'job $s->{number}' AND step = 'f') c,
					checkpoint.processed_ids(cp) id;
				INSERT INTO faults.flush DEFAULT VALUES});
			$run->{durable} = { map { $_ => 1 } split /,/, $ids // '' };
		}
		$hit = $fault->{hit}->($s, $run);
	}
	unlink "$s->{calls}.gate";
	wait_for_end($run) unless defined $run->{worked};
	wait_for_nobody($run);
	$run->{fault} = $name if $hit;
	return ($name, $run);
}

#
# The test
#

my ($hits, $runs, $rows, $calls, $missed) = (0, 0, 0, 0, 0);
my %count;

while ($hits < $want && $number < 3 * $want + 10)
{
	my $s = make_scenario();
	my $before = { state => 'none', processed => {} };
	my $total = 0;
	my $done = 0;
	my $what = '';

	for (my $i = 0; $i < $s->{faults} + 6 && !$done; $i++)
	{
		my ($name, $run, @complaints);

		if ($i < $s->{faults} && $hits < $want)
		{
			($name, $run) = run_with_fault($s, $before);
		}
		else
		{
			$run = start_run($s);
			wait_for_end($run);
			wait_for_nobody($run);
		}
		$s->{died} ||= $run->{fault} && $faults{ $run->{fault} }{costs} ne 'cancel';
		my $after = kept($s);

		@complaints = account($s, $run, $before, $after);
		$runs++;
		$total += $run->{calls};
		if ($run->{fault})
		{
			$hits++;
			$count{$name}++;
		}
		elsif ($name)
		{
			$missed++;
		}

		# the other step goes on, whatever becomes of this one
		if ($s->{companion} && $run->{companion_err} =~ /ERROR|FATAL|connection/)
		{
			push @complaints, "the other step failed: $run->{companion_err}"
			  unless $run->{companion_err} =~ /is not running: it is/
			  || ($run->{fault} // '') =~ /^kill|shutdown|cancel_job/;
		}
		elsif ($s->{companion} && $run->{worked})
		{
			sql("SELECT checkpoint.end_job($run->{job})");
		}

		# an error must be one that we know to be due
		my ($error) = $run->{err} =~ /^.*?ERROR: +(.*)/m;
		if (!$run->{fault} && !$run->{worked})
		{
			my @twice = grep { $s->{crashed_with}{$_} > 1 } keys %{ $s->{crashed_with} };

			push @complaints, "the run failed: $run->{err}"
			  unless $run->{err} =~ /ERROR: +\w+: bad row / && $s->{on_error} eq 'stop' && @{ $s->{bad} }
			  || $run->{err} =~ /crashed, twice/ && @twice;
		}
		if ($run->{worked} && $after->{state} ne 'final')
		{
			my @unknown = grep {
				my $row = $_;
				!(grep { $_ == $row } @{ $s->{bad} }) && ($s->{crashed_with}{$row} // 0) < 2 }
			  keys %{ $after->{failed} };

			push @complaints, 'the run ended and its checkpoint is not final' unless %{ $after->{failed} };
			push @complaints, "rows in quarantine for no reason: @unknown" if @unknown;
		}

		ok(!@complaints, sprintf('%d: %s%s: %d rows kept, %d calls, %d lost', $s->{number},
			$run->{fault} // ($name ? "missed by $name" : 'no fault'),
			$run->{worked} ? ' (survived)' : '', scalar(keys %{ $after->{processed} }),
			$run->{calls}, $run->{lost}))
		  or diag(join("\n", describe($s), @complaints, "psql said: $run->{err}"));

		# the function is repaired, or only changed
		if ($after->{state} eq 'final')
		{
			$done = 1;
		}
		elsif ($run->{worked} || (!$run->{fault} && !$run->{worked}) || $s->{changes_code})
		{
			$s->{bad} = [] if $run->{worked} || (defined $error && $error =~ /bad row/);
			$s->{code}++;
			$s->{crashed_with} = {};
			write_function($s);
		}
		$before = $after;
	}
	ok($done, "$s->{number}: final after all: " . describe($s));
	$rows += $s->{rows};
	$calls += $total;
	sql("DROP TABLE faults.written_$s->{number}, faults.counter_$s->{number}; DROP FOREIGN TABLE faults.elsewhere_$s->{number}");
	unlink $s->{calls}, "$s->{calls}.sql";
}

ok($hits >= $want, "$hits faults have hit");
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no lock is left');
# A server that dies leaves files: of a step that has just become final, and of
# the other session's step if that is not run again.  They go with the checkpoint.
my @files = map { m{/pgsql_tmp_\d+_(\d+)_\d+$} ? $1 : $_ } glob($node->data_dir . '/pg_checkpoint/*');
is(join(',', grep { sql("SELECT count(*) FROM checkpoint.checkpoints WHERE checkpoint_id = $_ AND (state = 'final' OR step = 'g')") ne '1' } @files),
	'', 'no file is left of a row in hand');
diag("$hits faults in $runs runs, $missed missed; $calls calls for $rows rows");
diag(sprintf('crashes of the server lost %d ms beyond commit_interval', $longest));
diag("$_: $count{$_}") foreach sort keys %count;
$node->stop;
done_testing();
