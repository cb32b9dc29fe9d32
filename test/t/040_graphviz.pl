# Graphviz draws what dot() returns, whatever steps and jobs are called: each name
# stands in the picture as it is.

use strict;
use warnings;
use utf8;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dot = (grep { -x $_ } map { "$_/dot" } split /:/, $ENV{PATH})[0];
plan skip_all => 'Graphviz is not installed' unless $dot;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->start;

# names of steps, as SQL literals, and as XML has them
my @names = (
	['E\'two\nlines\'', 'two'],
	['\'"a" \ "\'', '&quot;a&quot; \ &quot;'],
	['\'back\slash\\\'', 'back\slash\\'],
	['\'{r} [s] |t| -> ; //\'', '{r} [s] |t| -&gt; ; //'],
	['\'&lt; <b> #35;\'', '&amp;lt; &lt;b&gt; #35;'],
	['\'größer 日本\'', 'größer 日本']);
my $sql = "CREATE EXTENSION checkpoint;\nSELECT checkpoint.begin_job('a \"job\" \\ & }');\n"
  . "CALL checkpoint.map('s', 'SELECT generate_series(1, 3) AS x', 'x + 1 AS y');\n";
$sql .= "CALL checkpoint.query($_->[0], 'SELECT * FROM s');\n" foreach @names;
$node->safe_psql('postgres', $sql . 'SELECT checkpoint.end_job()');

my $graph = $node->safe_psql('postgres', 'SELECT checkpoint.dot(1)');
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/job.dot", $graph);
my $ret = system($dot, '-Tsvg', '-o', "$dir/job.svg", "$dir/job.dot");
is($ret, 0, 'Graphviz takes it');

my $svg = slurp_file("$dir/job.svg");
utf8::decode($svg);
# blanks and signs that Graphviz writes otherwise
$svg =~ s/&#160;/ /g;
$svg =~ s/&#45;/-/g;
$svg =~ s/&#39;/'/g;
is(scalar(() = $svg =~ /class="node"/g), 1 + @names, 'each step is a node');
is(scalar(() = $svg =~ /class="edge"/g), scalar @names, 'and each that is read an edge');
like($svg, qr/>\Q$_->[1]\E</, "a name: $_->[1]") foreach @names;
like($svg, qr/>a &quot;job&quot; \\ &amp; \}, job 1</, 'the name of the job');

done_testing();
