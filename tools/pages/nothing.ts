// What stands in a page where the package has a file for Node.
export {};
