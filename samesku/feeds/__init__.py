"""From a product feed, or a table with the URLs of pictures, to a catalogue folder: read, fetch, write."""
