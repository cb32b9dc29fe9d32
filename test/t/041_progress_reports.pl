# The progress report of a long step is one line of at most 80 columns without the
# client's prefix, whatever the step is called; and the notification of a job's end
# is a JSON object however long the error is.

use strict;
use warnings;
use utf8;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION checkpoint;
CREATE FUNCTION slow(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.005);
	RETURN x;
END $$;
SQL

# Columns that a terminal needs for a text: two for each of our wide characters.
sub columns
{
	my ($text) = @_;
	return length($text) + (() = $text =~ /[\x{3000}-\x{9fff}]/g);
}

my $long = 'a name of sixty-three bytes, which is as long as one of them is';
my %names = (
	's' => 's',
	'with "quotes" and \\' => 'with "quotes" and \\',
	$long => substr($long, 0, 15),
	"two\nlines" => 'two lines',
	'日本語' x 7 => '日本語日',
	'größe ' x 7 => 'größe größe');
while (my ($name, $shown) = each %names)
{
	my $literal = $name =~ s/'/''/gr;
	my ($out, $err);
	utf8::encode($literal);
	$node->psql('postgres', <<SQL, stdout => \$out, stderr => \$err);
SET checkpoint.progress_interval = 1;
SET checkpoint.commit_interval = 0;
SELECT checkpoint.begin_job('reports');
CALL checkpoint.map('$literal', 'SELECT generate_series(1, 20) AS x', 'slow(x) AS y', cache_enabled => false);
SELECT checkpoint.end_job();
SQL
	utf8::decode($err);
	my @reports = $err =~ /NOTICE:  (step .*\] .*)/g;
	ok(@reports > 0, 'there are reports');
	my @wrong = grep { $_ !~ /^step ".+" ?: \[#*\.*\] \d+ % of 20 rows, [0-9.]+ rows\/s, \d+ (s|min) left$/
		|| columns($_) > 80 } @reports;
	is_deeply(\@wrong, [], 'each is one line of at most 80 columns');
	like($reports[-1], qr/^step "\Q$shown\E/, 'it begins with the name');
}

# a notification is cut, between two characters
my ($out, $err);
$node->psql('postgres', <<'SQL', stdout => \$out, stderr => \$err);
SET checkpoint.notify = on;
LISTEN checkpoint;
SELECT checkpoint.begin_job('long');
SELECT checkpoint.fail_job(repeat(E'ä"\u0001', 5000));
SQL
like($out, qr/notification "checkpoint" with payload "(\{.*\})" received/, 'a notification has come');
my ($payload) = $out =~ /with payload "(\{.*\})" received/;
my $end = decode_json($payload);
is_deeply([ sort keys %$end ], [ sort qw(job_id job status error) ], 'it has four members');
is("$end->{job} $end->{status}", 'long failed', 'they say how the job ended');
like($end->{error}, qr/^(ä"\x01){500,}(ä"?)?$/, 'the error is cut');

done_testing();
