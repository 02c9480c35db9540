"""Judging: a mail program that somebody else wrote, held against the rules of RFC 821.

Cases are data: what is said to the program, and the replies that RFC 821 permits. A player plays a
case over stdin and stdout or TCP and keeps what crossed; a verdict is derived from that alone.
Nothing here judges by the time that something took, except that a program that says nothing for
long is taken to be silent.
"""
