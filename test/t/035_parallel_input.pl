# An input that several processes read is there as a whole or not at all: whichever
# process is killed or cancelled, and whatever the server writes to its log.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 30_000;

# Parallel workers read all rows; the row 20000 makes one wait.
my $settings = join ';', 'SET client_min_messages = warning', 'SET parallel_leader_participation = off',
	'SET min_parallel_table_scan_size = 0', 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0.1';
my $worker = q{FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND wait_event = 'PgSleep'};

sub start
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => ['--data-checksums']);
	$node->append_conf('postgresql.conf', "restart_after_crash = on\n$conf");
	$node->start;
	$node->safe_psql('postgres', qq{
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS x, CASE WHEN i % 1000 = 0 THEN repeat('long', 50000) || i ELSE 'text ' || i END AS t
FROM generate_series(1, $rows) i;
ALTER TABLE src ADD u text;		-- null
CREATE TABLE waits (so boolean);
ANALYZE;
CREATE FUNCTION passes(x int) RETURNS boolean STABLE PARALLEL SAFE COST 1 LANGUAGE plpgsql AS \$\$
BEGIN
	IF x = 20000 AND EXISTS (SELECT FROM waits) THEN
		PERFORM pg_sleep(3600);
	END IF;
	RETURN true;
END \$\$;
CREATE FUNCTION fails(x int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	RAISE 'fails';
END \$\$;
});
	return $node;
}

sub call { return "CALL checkpoint.map('m', 'SELECT * FROM src WHERE passes(x)', '$_[0](x) AS y', workers => 2)" }

# stopped starts a step whose input waits in a worker, does something to it, and
# returns the errors.
sub stopped
{
	my ($node, $job, $what) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$node->safe_psql('postgres', 'INSERT INTO waits VALUES (true)');
	$session->query($settings);
	$session->query_until(qr/called/, join(";\n", '\echo called', "SELECT checkpoint.begin_job('$job')", call('abs')) . ";\n");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $worker") or die 'no worker waits';
	$what->();
	eval { $session->query('SELECT 1') };
	my $errors = $session->{stderr};
	eval { $session->quit };
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'")
		or die 'a worker is left';
	$node->safe_psql('postgres', 'TRUNCATE waits');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace"),
		0, "$job: no table is left");
	return $errors;
}

# check_input compares a step's input with its source.
sub check_input
{
	my ($node, $job, $when) = @_;
	my $table = $node->safe_psql('postgres', "SELECT input_table FROM checkpoint.checkpoints WHERE job = '$job'");

	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT sys__id), min(sys__id), max(sys__id) FROM $table"),
		"$rows|$rows|1|$rows", "$when: no id is left out");
	is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT sys__id > lag(sys__id, 1, 0::bigint) OVER (ORDER BY ctid) AS ok FROM $table) s WHERE NOT ok"),
		0, "$when: rows are in the order of ids");
	is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT x, t, u FROM $table EXCEPT ALL SELECT x, t, u FROM src) d"),
		0, "$when: rows are those of the source");
	return;
}

# check_pages looks at a step's input as it is on disk, of a server that is stopped: each
# row is frozen, and where its own pointer says; and each page and the visibility map say
# that all are.
sub check_pages
{
	my ($node, $path, $name) = @_;
	my $heap = slurp_file($node->data_dir . "/$path");
	my $map = slurp_file($node->data_dir . "/${path}_vm");
	my ($found, %wrong) = (0);

	foreach my $block (0 .. length($heap) / 8192 - 1)
	{
		my $page = substr($heap, $block * 8192, 8192);
		my ($flags, $lower) = unpack 'x10 S S', $page;

		next unless $lower;		# never written
		$wrong{"not all are visible in page $block"} = 1 unless $flags & 4;
		$wrong{"map of page $block"} = 1
			unless (ord(substr($map, 24 + int($block / 4), 1)) >> 2 * ($block % 4) & 3) == 3;
		foreach my $item (1 .. ($lower - 24) / 4)
		{
			my $offset = unpack('L', substr($page, 20 + 4 * $item, 4)) & 0x7fff;
			my ($high, $low, $place, undef, $mask) = unpack 'x12 S S S S S', substr($page, $offset, 23);

			$found++;
			$wrong{"not frozen in page $block"} = 1 unless ($mask & 0x300) == 0x300;
			$wrong{"not without end in page $block"} = 1 unless $mask & 0x800;
			$wrong{"pointer in page $block"} = 1 unless ($high << 16 | $low) == $block && $place == $item;
		}
	}
	is($found, $rows, "$name: all rows are in the file");
	is(join(', ', sort keys %wrong), '', "$name: they are frozen, and are said to be");
	return;
}

foreach my $level ('minimal', 'replica')
{
	my $node = start($level, "wal_level = $level\nmax_wal_senders = 0\n");
	my $checkpointer = q{FROM pg_stat_activity WHERE backend_type = 'checkpointer'};
	my $before = $node->safe_psql('postgres', "SELECT pid $checkpointer");

	my $errors = stopped($node, 'cancelled', sub {
		$node->safe_psql('postgres', "SELECT pg_cancel_backend(leader_pid) $worker");
	});
	like($errors, qr/canceling statement due to user request/, "$level: a step can be cancelled");
	$errors = stopped($node, 'terminated', sub {
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $worker");
	});
	like($errors, qr/due to administrator command/, "$level: a worker's end is the step's");
	stopped($node, 'killed', sub {
		kill 'KILL', $node->safe_psql('postgres', "SELECT pid $worker");
		$node->poll_query_until('postgres', "SELECT pid <> $before $checkpointer") or die 'no recovery';
	});

	# What was read survives a crash.
	my ($out, $err);
	$node->psql('postgres', join(";\n", $settings, "SELECT checkpoint.begin_job('read')", call('fails')),
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	like($err, qr/fails/, "$level: the function fails, the input is kept");
	check_input($node, 'read', "$level, before the crash");
	my $path = $node->safe_psql('postgres', "SELECT pg_relation_filepath(input_table::regclass) FROM checkpoint.checkpoints WHERE job = 'read'");
	$node->stop('immediate');
	$node->start;
	check_input($node, 'read', "$level, after the crash");
	$node->stop;
	check_pages($node, $path, $level);
}

done_testing();
