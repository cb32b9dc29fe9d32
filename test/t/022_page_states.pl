# Rule 1: a table that is taken for unchanged has the rows that it had.
#
# Each round changes tables at random, as the server's storage can: by transactions
# of several sessions that are open, rolled back or prepared while a step reads, by
# HOT updates, row locks, VACUUM, rewrites and truncation, by partitions that come
# and go, with a crash now and then.  Then steps over the tables run, and what came
# of them is compared with the tables as that session sees them.
#
# The server has so few buffers that the tables do not fit: pages are written and
# read again all the time, also while their states are looked at.
#
# After each settled state, the same step must not read the table again: else the
# test would show nothing.
#
# At the end the same goes on a standby that is promoted, and on a base backup.
#
#	SEED=n		repeat the choices of a run
#	ROUNDS=n	how many rounds
#
# It takes minutes: test/run --without=long leaves it out.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1_000_000_000));
my $rounds = $ENV{ROUNDS} // 300;
srand($seed);
diag("SEED=$seed ROUNDS=$rounds");

sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

#
# The server, and sessions that can be left alone while they work
#

my $node = PostgreSQL::Test::Cluster->new('pages');
$node->init(allows_streaming => 1, extra => chance(0.5) ? ['--data-checksums'] : []);
# for a table that is small beside the buffers, the server is asked page by page
$node->append_conf('postgresql.conf', 'shared_buffers = ' . pick('1MB', '1MB', '4MB'));
$node->append_conf('postgresql.conf', q{
autovacuum = off
max_prepared_transactions = 5
bgwriter_delay = 10ms
jit = off
});
$node->append_conf('postgresql.conf', 'wal_log_hints = on') if chance(0.3);
$node->append_conf('postgresql.conf', 'synchronous_commit = off') if chance(0.3);
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE TABLE t (id int, a int, pad text) WITH (fillfactor = 20);
CREATE INDEX t_a ON t (a);
INSERT INTO t SELECT i, i, repeat('x', 100) FROM generate_series(1, 3000) i;
CREATE TABLE p (id int, a int, pad text) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) WITH (fillfactor = 20);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) WITH (fillfactor = 20);
CREATE TABLE p3 (id int, a int, pad text) WITH (fillfactor = 20);
INSERT INTO p SELECT i, 1 + i % 2, repeat('x', 100) FROM generate_series(1, 1000) i;
INSERT INTO p3 SELECT i, 3, repeat('x', 100) FROM generate_series(1, 100) i;
CREATE TABLE other AS SELECT i AS id, repeat('x', 1000) AS pad FROM generate_series(1, 3000) i;
-- says that a query was run, though the server may think that it says nothing
CREATE SEQUENCE reads;
CREATE FUNCTION noted() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.reads');
	RETURN true;
END $$;
});

my %sessions;

sub connect_to
{
	my ($server) = @_;

	foreach my $name ('job', 'b', 'c', 'scan')
	{
		my $session = { in => '', out => '', err => '', timer => IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default) };

		$session->{psql} = IPC::Run::start([ 'psql', '-XAtq', '-d', $server->connstr('postgres') ],
			'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err}, $session->{timer});
		$sessions{$name} = $session;
		run_sql($name, 'SET client_min_messages = error; SET lock_timeout = 300; SET max_parallel_workers_per_gather = 0;');
	}
	return;
}

sub disconnect
{
	foreach my $session (values %sessions)
	{
		$session->{in} .= "\\q\n";
		eval { $session->{psql}->finish; };
	}
	return;
}

sub send_sql
{
	my ($name, $script) = @_;

	$sessions{$name}{in} .= "$script\n;\\echo *end*\n\\warn *end*\n";
	$sessions{$name}{psql}->pump_nb;
	return;
}

sub wait_for_sql
{
	my ($name) = @_;
	my $session = $sessions{$name};

	$session->{timer}->start;
	$session->{psql}->pump until $session->{out} =~ /^\*end\*\n/m && $session->{err} =~ /^\*end\*\n/m;
	my ($out, $err) = @{$session}{ 'out', 'err' };
	@{$session}{ 'out', 'err' } = ('', '');
	s/^\*end\*\n//m foreach ($out, $err);
	chomp $out;
	return ($out, $err);
}

sub run_sql { send_sql(@_); return wait_for_sql($_[0]); }

#
# What changes
#

sub table { return pick('t', 't', 't', 'p', 'p1', 'p3'); }
sub row { my ($t) = @_; return "id = (SELECT id FROM $t WHERE id >= ${\ int(rand(3000))} ORDER BY id LIMIT 1)"; }
sub key { my ($t) = @_; return $t eq 't' ? int(rand(5000)) : $t eq 'p' ? pick(1, 2) : $t eq 'p1' ? 1 : 3; }

my $pads = 0;
my %open = (b => 0, c => 0);
my @prepared;
my $names = 0;

# what a session does within its transaction, or by itself
my @changes = (
	sub { my $t = table(); "INSERT INTO $t (id, a, pad) SELECT ${\ int(rand(3000))}, ${\ key($t)}, 'new' FROM generate_series(1, ${\ pick(1, 5, 300)});" },
	sub { my $t = table(); "UPDATE $t SET pad = 'hot ${\ $pads++}' WHERE ${\ row($t)};" },
	sub { my $t = table(); "UPDATE $t SET pad = 'hot ${\ $pads++}' WHERE ${\ row($t)};" },
	sub { my $t = table(); "UPDATE $t SET a = ${\ key($t)} WHERE ${\ row($t)};" },
	sub { my $t = table(); "DELETE FROM $t WHERE ${\ row($t)};" },
	sub { my $t = table(); "DELETE FROM $t WHERE id > ${\ int(2500 + rand(500))};" },
	sub { my $t = table(); "SELECT FROM $t WHERE ${\ row($t)} FOR ${\ pick('UPDATE', 'SHARE', 'KEY SHARE', 'NO KEY UPDATE')};" },
	sub { my $t = table(); "SAVEPOINT s; UPDATE $t SET pad = 'undone' WHERE ${\ row($t)}; ROLLBACK TO s;" },
	sub { my $t = table(); "SAVEPOINT s; UPDATE $t SET pad = 'sub ${\ $pads++}' WHERE ${\ row($t)}; RELEASE s;" },
	sub { "SELECT count(*), sum(length(pad)) FROM ${\ table()};" },
	sub { "TRUNCATE t; INSERT INTO t SELECT i, i, repeat('y', 100) FROM generate_series(1, ${\ pick(1000, 3000)}) i;" },
	sub { "ALTER TABLE t ADD COLUMN c$names int DEFAULT ${\ int(rand(100))}; ALTER TABLE t DROP COLUMN c${\ $names++};" },
	sub { "ALTER TABLE t ALTER pad TYPE varchar; ALTER TABLE t ALTER pad TYPE text;" },
	sub { "ALTER TABLE t ALTER a TYPE ${\ pick('int', 'bigint')};" },
	sub { "ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3);" },
	sub { "ALTER TABLE p DETACH PARTITION p3;" },
	sub { "CLUSTER t USING t_a;" },
	sub { "CREATE INDEX i$names ON t (id); DROP INDEX i${\ $names++};" },
);

# what needs to be outside of a transaction
my @alone = (
	sub { 'VACUUM ' . pick('', '(FREEZE)', '(DISABLE_PAGE_SKIPPING)', '(TRUNCATE)', '(INDEX_CLEANUP off)') . ' ' . pick('t', 'p1', 'p2', 'p3', 't') . ';' },
	sub { 'VACUUM (FULL) ' . pick('t', 'p1') . ';' },
	sub { 'VACUUM (ANALYZE) t, p1, p2, p3;' },
	sub { 'CHECKPOINT;' },
	# a page that is on disk as all-visible from the start
	sub { "BEGIN; TRUNCATE p3; COPY p3 FROM PROGRAM 'seq 1 200 | sed \"s/\$/\\t3\\tfrozen/\"' WITH (FREEZE); " . pick('COMMIT', 'COMMIT', 'ROLLBACK') . ';' },
);

sub change
{
	my $name = pick('b', 'c');
	my $sql;

	if (@prepared && chance(0.2))
	{
		run_sql('b', pick('COMMIT', 'ROLLBACK') . " PREPARED '" . shift(@prepared) . "';") unless $open{b};
		return;
	}
	if (!$open{$name} && chance(0.35))
	{
		$sql = pick(@alone)->();
		run_sql($name, $sql);
		return;
	}
	if (!$open{$name} && chance(0.6))
	{
		run_sql($name, 'BEGIN' . pick('', '', ' ISOLATION LEVEL REPEATABLE READ') . ';');
		$open{$name} = 1;
	}
	$sql = pick(@changes)->();
	$sql = "BEGIN; $sql COMMIT;" if !$open{$name};
	run_sql($name, $sql) foreach 1 .. pick(1, 1, 2);
	end_transaction($name) if $open{$name} && chance(0.5);
	return;
}

sub end_transaction
{
	my ($name) = @_;

	if (@prepared < 3 && chance(0.15))
	{
		my $gid = 'g' . $names++;
		my (undef, $err) = run_sql($name, "PREPARE TRANSACTION '$gid';");

		push @prepared, $gid if $err eq '' && (run_sql('job', "SELECT gid FROM pg_prepared_xacts WHERE gid = '$gid';"))[0] eq $gid;
		run_sql($name, 'ROLLBACK;') if $err ne '';
	}
	else
	{
		run_sql($name, pick('COMMIT', 'COMMIT', 'ROLLBACK') . ';');
	}
	$open{$name} = 0;
	return;
}

sub end_all
{
	foreach my $name ('b', 'c')
	{
		run_sql($name, 'ROLLBACK;') if $open{$name};
		$open{$name} = 0;
	}
	run_sql('b', pick('COMMIT', 'ROLLBACK') . " PREPARED '$_';") foreach @prepared;
	@prepared = ();
	return;
}

#
# What must hold
#

# What is asked of the tables.  In a step, %s notes that the query was run.
my %queries = (
	t => 'SELECT * FROM t WHERE %s',
	p => 'SELECT id, a, pad FROM p WHERE %s',
	both => 'SELECT t.id, count(*), min(p.pad) FROM t JOIN p USING (id) WHERE %s GROUP BY t.id',
	narrow => 'SELECT id, pad FROM t WHERE a > 100 AND %s');
my %seen = (runs => 0, unread => 0, refused => 0);
my @stale;

# run_job runs the steps and compares; $now is what else is sent meanwhile.
sub run_job
{
	my ($now) = @_;
	my @names = sort keys %queries;
	my $script = "SELECT checkpoint.begin_job('j') AS job \\gset\n\\o /dev/null\n";

	$script .= "CALL checkpoint.query('$_', '${\ sprintf($queries{$_}, 'noted()')}');\n" foreach @names;
	$script .= "\\o\n";
	send_sql('job', "SELECT last_value FROM reads;\n$script SELECT last_value FROM reads;");
	send_sql(@$now) if $now;
	my ($out, $err) = wait_for_sql('job');
	wait_for_sql($now->[0]) if $now;
	# what was sent may be in or not: the next run is compared
	return if $now;
	$seen{runs}++;
	my ($before, $after) = split /\n/, $out;
	$seen{unread}++ if $err eq '' && $before == $after;
	$seen{refused}++ if $err ne '';
	foreach my $name (@names)
	{
		my $query = sprintf($queries{$name}, 'true');
		my ($same, $error) = run_sql('job', "SELECT checkpoint.output('$name') AS output \\gset\n"
			. "SELECT (SELECT checkpoint.content_hash(o) FROM (SELECT * FROM :output) o) IS NOT DISTINCT FROM (SELECT checkpoint.content_hash(q) FROM ($query) q)"
			. ", (SELECT count(*) FROM :output), (SELECT count(*) FROM ($query) q);");

		next if $error ne '';
		push @stale, "$name: $same" unless $same =~ /^t/;
	}
	run_sql('job', 'SELECT checkpoint.end_job();');
	return $err eq '' && $before == $after;
}

my $needless = 0;

# settle lets all be known, and looks whether it is.  A page that another process had
# pinned at the moment may be cleaned up by a read later than the first.
sub settle
{
	end_all();
	run_sql('b', 'VACUUM t, p1, p2, p3;');
	run_job();
	$needless++ unless run_job() || run_job() || run_job();
	return;
}

connect_to($node);
foreach my $round (1 .. $rounds)
{
	send_sql('scan', 'SELECT count(*) FROM other;') if my $scan = chance(0.5);
	change() foreach 1 .. pick(0, 1, 1, 2, 4);
	run_job(pick([ 'b', "UPDATE t SET pad = 'meanwhile' WHERE ${\ row('t')};" ],
		[ 'c', "UPDATE p SET pad = 'meanwhile' WHERE ${\ row('p')};" ], [ 'c', 'VACUUM t;' ])) if chance(0.3) && !$open{b} && !$open{c};
	run_job();
	wait_for_sql('scan') if $scan;
	settle() if chance(0.1);
	if (chance(0.02))
	{
		disconnect();
		%open = (b => 0, c => 0);
		$node->stop(pick('immediate', 'immediate', 'fast'));
		$node->start;
		connect_to($node);
		@prepared = split /\n/, (run_sql('b', 'SELECT gid FROM pg_prepared_xacts;'))[0];
		run_job();
	}
	last if @stale;
}

is(join("\n", @stale), '', 'no step has rows that its tables do not have') or diag("seed $seed");
is($needless, 0, 'what is settled is not read again');
cmp_ok($seen{unread}, '>', 0, 'tables were recognised');
note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);

# A copy of the cluster goes on by itself, with what was open when it was made.
foreach my $kind ('standby', 'backup')
{
	my $copy = PostgreSQL::Test::Cluster->new($kind);

	settle();
	run_sql('b', "BEGIN; UPDATE t SET pad = 'open' WHERE id % 7 = 0; INSERT INTO p SELECT i, 1, 'open' FROM generate_series(1, 100) i;");
	$node->backup($kind);
	run_sql('b', 'COMMIT;');
	run_sql('c', "UPDATE t SET pad = 'later' WHERE id % 11 = 0;") if $kind eq 'standby';
	$copy->init_from_backup($node, $kind, has_streaming => $kind eq 'standby');
	$copy->start;
	if ($kind eq 'standby')
	{
		run_job();
		$node->wait_for_catchup($copy);
		disconnect();
		$copy->promote;
	}
	else
	{
		disconnect();
	}
	connect_to($copy);
	for (1 .. 20)
	{
		run_job();
		change();
		run_job();
	}
	settle();
	disconnect();
	$copy->stop;
	%open = (b => 0, c => 0);
	@prepared = ();
	connect_to($node);
	is(join("\n", @stale), '', "nor on a $kind") or diag("seed $seed");
}
disconnect();

done_testing();
