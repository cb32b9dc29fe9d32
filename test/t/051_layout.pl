# test/style finds nothing in the files as they are, and finds what goes wrong most often.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

my @files = grep { -f } map { glob("$_") }
  qw(src/* sql/* doc/* test/* test/*/* test/clients/*/* README.md Makefile checkpoint.control);
my ($status, $says) = style(@files);
is($status, 0, 'the files are laid out as they should be') or diag($says);

my %mistakes = (
	'space at the end' => "int\tx; \n",
	'no newline at the end' => "int\t\tx;",
	'a comment of C++' => "int\t\tx;\t\t// counts\n",
	'spaces at the beginning, not tabs' => function("    return;"),
	'a space before a tab' => function(" \treturn;"),
	'an opening brace at the end of a line' => function("\tif (x) {\n\t\treturn;\n\t}"),
	'something behind a closing brace' => function("\tif (x)\n\t{\n\t} else\n\t{\n\t}"),
	'no space behind a keyword' => function("\tif(x)\n\t\treturn;"),
	'a space inside of parentheses' => function("\tf( x );"),
	'no space behind a comma' => function("\tf(x,y);"),
	'a star at its type, not at its name' => function("\tconst char* x = NULL;"),
	'an operator without spaces' => function("\tx = y==z;"),
	'the name of a variable is not at column 12 of its declaration' => function("\tint x = 0;"),
	'longer than 120 columns' => function("\t" . "x + " x 40 . "x;"),
	'the name of function g is not at the beginning of a line' => "static void g(void)\n{\n}\n",
	'more than 900 lines' => "/* */\n" x 901);
foreach my $mistake (sort keys %mistakes)
{
	my $file = "$PostgreSQL::Test::Utils::tmp_check/mistake.c";

	unlink $file;
	append_to_file($file, $mistakes{$mistake});
	($status, $says) = style($file);
	isnt($status, 0, "found: $mistake");
	like($says, qr/: \Q$mistake\E$/m, "said: $mistake");
}
done_testing();

# function returns a function with this body.
sub function
{
	my ($body) = @_;

	return "static void\nf(void)\n{\n$body\n}\n";
}

# style returns the status of test/style, and what it says.
sub style
{
	my @names = @_;

	IPC::Run::run([ 'test/style', @names ], '>&', \my $output);
	return ($? >> 8, $output);
}
