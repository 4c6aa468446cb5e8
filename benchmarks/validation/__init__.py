"""The validation study: transits put in and found again, other software beside it, and real pixels."""
