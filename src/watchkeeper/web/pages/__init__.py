"""One file for each page: a function from what is asked to what its template is given."""
