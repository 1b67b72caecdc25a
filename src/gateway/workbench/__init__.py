"""What an analyst works on maps with: looking at them, checking, trying and comparing them."""
