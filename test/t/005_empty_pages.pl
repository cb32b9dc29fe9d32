# Rules 6 and 17: a crash may leave pages of zeros in an output table, at its end
# or, once the step has gone on, in the middle.  They are in nobody's way.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION checkpoint;
CREATE TABLE src AS SELECT i AS num, 'text ' || i AS txt FROM generate_series(1, 30000) i;
CREATE TABLE fails_on (num int);
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x % 1000 = 0 AND EXISTS (SELECT FROM fails_on WHERE num = x) THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 2;
END $$;
SQL

# run computes rows up to one, or all that are left.
sub run
{
	my ($fails_on) = @_;
	my $call = "CALL checkpoint.map('s', 'SELECT * FROM src', 'f(num) AS y', workers => 2)";

	$node->safe_psql('postgres', 'TRUNCATE fails_on');
	$node->safe_psql('postgres', "INSERT INTO fails_on VALUES ($fails_on)") if $fails_on;
	return $node->psql('postgres',
		"SET checkpoint.commit_interval = '10ms'; SELECT checkpoint.begin_job('j');\n$call;");
}

sub add_pages
{
	my ($npages) = @_;
	my $path = $node->safe_psql('postgres',
		"SELECT pg_relation_filepath('checkpoint_data.' || output_table) FROM checkpoint.checkpoint");

	$node->stop('immediate');
	open(my $file, '>>', $node->data_dir . "/$path") or die "$path: $!";
	binmode($file);
	print $file "\0" x (8192 * $npages);
	close($file) or die "$path: $!";
	$node->start;
	return;
}

isnt(run(8000), 0, 'the step fails');
add_pages(40);
isnt(run(20000), 0, 'the step goes on, and fails again');
add_pages(1);
my $kept = $node->safe_psql('postgres', 'SELECT rows_processed FROM checkpoint.checkpoints');
cmp_ok($kept, '>=', 8000, 'rows are kept');
is(run(), 0, 'the step ends');

my $output = $node->safe_psql('postgres', 'SELECT output_table FROM checkpoint.checkpoints');
is( $node->safe_psql('postgres', "SELECT num, txt, num * 2 FROM src EXCEPT SELECT num, txt, y FROM $output"),
	'', 'no row is missing');
is($node->safe_psql('postgres', "SELECT count(*) FROM $output"), 30000, 'and none is there twice');
is( $node->safe_psql('postgres', "SELECT checkpoint.content_hash(t) = "
		. "(SELECT content_hash FROM checkpoint.checkpoints) FROM $output t"),
	't', 'the content hash is that of the rows');
is($node->psql('postgres', "VACUUM (FREEZE) $output"), 0, 'the table can be vacuumed');
is($node->safe_psql('postgres', "SELECT count(*) FROM $output"), 30000, 'and has all rows then');

$node->stop;
done_testing();
