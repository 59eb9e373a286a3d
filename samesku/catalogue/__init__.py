"""From a table and pictures to clean listings: sources, reading, quarantine, titles, pictures, splits."""
