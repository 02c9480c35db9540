# A receiver-SMTP in Perl, for the tests: sysread and lines that end with CRLF.
use strict;
use warnings;

my $host = $ENV{LAB_HOST} // "BETA.ARPA";
my %users = map { lc $_ => 1 } split /,/, $ENV{LAB_USERS} // "Jones,Brown";
my $buffer = "";
my ($state, $from, @to, $peer, $count) = (0, "", (), "", 0);
$| = 1;

sub say_line { syswrite STDOUT, "$_[0]\r\n" }

sub next_line {
    my $at;
    while (($at = index $buffer, "\r\n") < 0) {
        sysread(STDIN, $buffer, 65536, length $buffer) or exit;
    }
    my $line = substr $buffer, 0, $at;
    substr($buffer, 0, $at + 2) = "";
    return $line;
}

sub deliver {
    my ($text) = @_;
    my $folder = $ENV{LAB_MAIL} or return;
    my $name = "$$-" . $count++;
    open my $file, ">:raw", "$folder/$name" or die;
    my $date = "27 Nov 81 15:01:01 UT";
    print $file "Return-Path: $from\r\nReceived: from $peer by $host ; $date\r\n$text";
    close $file;
}

say_line("220 $host Service ready");
while (1) {
    my $line = next_line();
    if ($line =~ /[^\x00-\x7f]/) { say_line("500 what"); }
    elsif ($line =~ /^HELO +([\w.#\[\]-]+) *$/i) {
        ($peer, $state, @to) = ($1, 1);
        say_line("250 $host");
    }
    elsif ($line =~ /^HELO *$/i or $line =~ /^HELO /i) { say_line("501 HELO needs a domain"); }
    elsif ($line =~ /^MAIL\b/i) {
        if (!$state) { say_line("503 HELO first"); }
        elsif ($line =~ /^MAIL +FROM:(<>|<[^>]+@[^>]+>) *$/i) {
            ($from, $state, @to) = ($1, 2);
            say_line("250 OK");
        }
        else { say_line("501 FROM:<path>"); }
    }
    elsif ($line =~ /^RCPT\b/i) {
        if ($state < 2) { say_line("503 MAIL first"); }
        elsif ($line =~ /^RCPT +TO:<(?:(@[^:]+):)?([^@>]+)@([^@>]+)> *$/i) {
            if (uc $3 ne $host or ($1 and uc $1 ne "\@$host")) { say_line("550 no relay"); }
            elsif (!$users{lc $2}) { say_line("550 nobody"); }
            else { push @to, $2; $state = 3; say_line("250 OK"); }
        }
        else { say_line("501 TO:<path>"); }
    }
    elsif ($line =~ /^DATA$/i) {
        if ($state < 3) { say_line("503 RCPT first"); next; }
        say_line("354 go on");
        my $text = "";
        while ((my $part = next_line()) ne ".") {
            $part =~ s/^\.//;
            $text .= "$part\r\n";
        }
        deliver($text);
        ($state, @to) = (1);
        say_line("250 OK");
    }
    elsif ($line =~ /^RSET$/i) { $state = 1 if $state; @to = (); say_line("250 OK"); }
    elsif ($line =~ /^NOOP$/i) { say_line("250 OK"); }
    elsif ($line =~ /^QUIT$/i) { say_line("221 $host closing"); exit; }
    elsif ($line =~ /^(VRFY|EXPN|HELP|TURN|SEND|SOML|SAML)\b/i) { say_line("502 no $1"); }
    else { say_line("500 what"); }
}
