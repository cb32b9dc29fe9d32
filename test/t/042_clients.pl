# What clients compute outlives them: rows of a session that ends are free at once,
# a crash of the server loses no result, named claims last until their time is over,
# and a step that is open continues where a dump is restored.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('clients');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 2');
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION checkpoint;
CREATE TABLE source AS SELECT x FROM generate_series(1, 100) x;
SELECT checkpoint.begin_job('squares', attach => false);
SELECT checkpoint.open('s', 'map', 'SELECT x FROM source ORDER BY x', 'y int', code_version => '1', job => 1);
});

my $input = 'checkpoint_data.squares_s_1_input';
my $output = 'checkpoint_data.squares_s_1_output';

sub compute
{
	my ($db, $lo, $hi) = @_;

	$node->safe_psql($db, qq{
BEGIN;
INSERT INTO $output (sys__id, y) SELECT sys__id, x * x FROM $input WHERE sys__id BETWEEN $lo AND $hi;
SELECT checkpoint.mark_processed(1, ARRAY(SELECT generate_series($lo, $hi)));
COMMIT;
});
}

sub claims { return $node->safe_psql('postgres', 'SELECT holder, rows FROM checkpoint.claims ORDER BY claimed_at'); }

# a session that ends, however
my $session = $node->background_psql('postgres');
$session->query_safe("SELECT checkpoint.claim(NULL::$input, 10)");
my $pid = $session->query_safe('SELECT pg_backend_pid()');
is(claims(), "process $pid|10", 'a session holds its rows');
$node->safe_psql('postgres', "SELECT checkpoint.claim(NULL::$input, 5, '1 h', 'host 1')");
is($node->safe_psql('postgres', "SELECT min(x) FROM checkpoint.claim(NULL::$input, 1, '0', 'asks')"), '16',
	'others get other rows');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM checkpoint.claims")
  or die 'the claims of a session that has ended hold';
is($node->safe_psql('postgres', "SELECT min(x) FROM checkpoint.claim(NULL::$input, 1, '0', 'asks')"), '1',
	'the rows of a session that has ended are free');
$session->{run}->kill_kill;

# claims and marks of a transaction that is prepared
$node->safe_psql('postgres', "BEGIN; SELECT checkpoint.claim(NULL::$input, 10, holder => 'prepares'); PREPARE TRANSACTION 'claim'");
is($node->safe_psql('postgres', "SELECT min(x) FROM checkpoint.claim(NULL::$input, 1, '0', 'asks')"), '16',
	'what a prepared transaction has claimed is not free');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'claim'");
is($node->safe_psql('postgres', "SELECT min(x) FROM checkpoint.claim(NULL::$input, 1, '0', 'asks')"), '1',
	'it is free when that is rolled back');
$node->safe_psql('postgres', qq{
BEGIN;
INSERT INTO $output (sys__id, y) VALUES (100, 10000);
SELECT checkpoint.mark_processed(1, '{100}');
PREPARE TRANSACTION 'mark';
});
is($node->safe_psql('postgres', 'SELECT checkpoint.is_processed(1, 100)'), 'f', 'a prepared mark is none yet');
$node->safe_psql('postgres', "COMMIT PREPARED 'mark'");
is($node->safe_psql('postgres', 'SELECT checkpoint.is_processed(1, 100)'), 't', 'it is one when that is committed');

# a crash of the server, in a transaction that has marked rows
compute('postgres', 21, 30);
my $open = $node->background_psql('postgres');
$open->query_safe("BEGIN; SELECT checkpoint.claim(NULL::$input, 50)");
$open->query_safe("INSERT INTO $output (sys__id, y) SELECT i, i FROM generate_series(31, 40) i");
$open->query_safe("SELECT checkpoint.mark_processed(1, ARRAY(SELECT generate_series(31, 40)))");
$node->stop('immediate');
$open->{run}->kill_kill;
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*), min(i), max(i) FROM checkpoint.processed_ids(1) i'), '11|21|100',
	'after a crash, what was committed is there, and nothing else');
is($node->safe_psql('postgres', "SELECT count(*) FROM $output"), '11', 'so are the results');
is(claims(), 'host 1|5', 'a claim of a named holder holds');
is($node->safe_psql('postgres', 'SELECT status FROM checkpoint.jobs'), 'running', 'the job runs');
compute('postgres', 31, 90);

# a dump while the step is open
my $dump = $node->backup_dir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xqv', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restore');
foreach my $db ('restored', 'postgres')
{
	is($node->safe_psql($db, qq{
SELECT checkpoint.fail_job('goes on elsewhere', 1);
SELECT checkpoint.begin_job('squares', attach => false) AS job \\gset
SELECT state, remaining FROM checkpoint.open('s', 'map', 'SELECT x FROM source ORDER BY x', 'y int', code_version => '1', job => :job);
}), "\npartial|29", "$db: the step continues");
	compute($db, 1, 20);
	compute($db, 91, 99);
	$node->safe_psql($db, 'SELECT checkpoint.finish(1); SELECT checkpoint.end_job(max(job_id)) FROM checkpoint.jobs');
	is($node->safe_psql($db, "SELECT count(*), count(DISTINCT x), bool_and(y = x * x) FROM $output"), '100|100|t',
		"$db: one result for each row");
}

$node->stop;
done_testing();
