# On a standby every call that would change something is refused with 25006 and
# a hint, what is stored can be read, and after promotion the jobs go on (rules
# 12 and 17).

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->start;
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 5) i;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN 60 / (4 - x);
END $$;
SELECT checkpoint.begin_job('done');
CALL checkpoint.query('q', 'SELECT num FROM src');
CALL checkpoint.save('public.shown', 'SELECT num + 1 AS next FROM q');
SELECT checkpoint.end_job();
SQL
$primary->psql('postgres', <<'SQL');
SELECT checkpoint.begin_job('half');
CALL checkpoint.map('s', 'SELECT num FROM src ORDER BY num', 'f(num) AS y');
SQL

# and one that is open
my $session = $primary->background_psql('postgres');
my $job = $session->query_safe("SELECT checkpoint.begin_job('open')");
$session->query("CALL checkpoint.query('q', 'SELECT num FROM src')");
$primary->wait_for_catchup($standby);

my $input = $primary->safe_psql('postgres',
	"SELECT input_table FROM checkpoint.checkpoints WHERE state = 'partial'");
my $partial = $primary->safe_psql('postgres',
	"SELECT checkpoint_id FROM checkpoint.checkpoints WHERE state = 'partial'");

#
# What changes something is refused.
#
foreach my $call (
	"SELECT checkpoint.begin_job('new')",
	"SELECT checkpoint.begin_job('detached', attach => false)",
	"SELECT checkpoint.end_job($job)",
	"SELECT checkpoint.fail_job('reason', $job)",
	"CALL checkpoint.map('m', 'SELECT num FROM src', 'num AS y', job => $job)",
	"CALL checkpoint.gen('g', 'SELECT num FROM src', 'generate_series(1, num)', job => $job)",
	"CALL checkpoint.query('r', 'SELECT num FROM src', job => $job)",
	"CALL checkpoint.save('public.again', 'SELECT num FROM src', job => $job)")
{
	my ($name) = $call =~ /(checkpoint\.\w+)/;
	my ($ret, $stdout, $stderr) =
	  $standby->psql('postgres', $call, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/ERROR:  25006: .*\Q$name\E/, "$name is refused");
	like($stderr, qr/^HINT:  /m, "$name gives a hint");
}

#
# What is stored can be read.
#
foreach my $query (
	'SELECT job_id, name, owner, status, rerun_of, started_at, ended_at, error FROM checkpoint.jobs ORDER BY 1',
	'SELECT * FROM checkpoint.steps',
	'SELECT checkpoint_id, job, step, kind, state, owner, input_hash, code_hash, content_hash, rows_total, '
	  . 'rows_processed, rows_output, created_at, last_used_at, input_table, output_table FROM checkpoint.checkpoints',
	"SELECT checkpoint.output('q', $job)",
	"SELECT * FROM checkpoint.remainder(NULL::$input) ORDER BY 1",
	"SELECT * FROM checkpoint.remaining_ids($partial)",
	"SELECT * FROM checkpoint.processed_ids($partial)",
	"SELECT checkpoint.is_processed($partial, 4)",
	'SELECT * FROM public.shown ORDER BY 1')
{
	my ($name) = $query =~ /((?:checkpoint|public)\.\w+)/;
	my $expected = $primary->safe_psql('postgres', $query);
	isnt($expected, '', "$name has rows");
	is($standby->safe_psql('postgres', $query), $expected, "$name says the same on the standby");
}

#
# Promoted, it goes on where the primary was.
#
$session->quit;
$primary->stop('immediate');
$standby->promote;

is( $standby->safe_psql('postgres', 'SELECT name, status FROM checkpoint.jobs ORDER BY job_id'),
	"done|complete\nhalf|failed\nopen|interrupted",
	'after promotion the open job shows as interrupted');
$standby->safe_psql('postgres', 'CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql AS $$SELECT 60 / (7 - x)$$');
foreach my $sql (
	"CALL checkpoint.map('s', 'SELECT num FROM src ORDER BY num', 'f(num) AS y')",
	"CALL checkpoint.query('q', 'SELECT num FROM src')")
{
	my $name = $sql =~ /map/ ? 'half' : 'open';
	$standby->safe_psql('postgres',
		"SELECT checkpoint.begin_job('$name');\n$sql;\nSELECT checkpoint.end_job();");
}
is( $standby->safe_psql('postgres', <<'SQL'),
SELECT name, s.action, s.rows_kept, s.rows_computed, status
FROM checkpoint.jobs JOIN checkpoint.steps s USING (job_id)
WHERE rerun_of IS NOT NULL ORDER BY job_id
SQL
	"half|continued|3|2|complete\nopen|reused|5|0|complete",
	'and its rerun continues');

$standby->stop;
done_testing();
