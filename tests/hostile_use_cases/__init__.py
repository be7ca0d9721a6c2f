"""The toy use case with texts that try to control the program that displays them."""
