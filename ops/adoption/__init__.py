"""Finding at the vendors what a killed update may have made, by what the program called it."""
