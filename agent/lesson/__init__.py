"""What a lesson is: events, the state they add up to, and the rules between. No I/O, no clock."""
