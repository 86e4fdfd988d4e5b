"""Games in a browser: a game file's compiled code as WebAssembly, and what a page must know of the game beside it."""
