/**
 * A page with its relative links made absolute, for where it is shown without the repository. `repository` is package.json's:
 * "git+https://host/owner/name.git".
 */
export function absoluteLinks(page: string, repository: string): string {
  const address = repository.replace(/^git[+]/, "").replace(/[.]git$/, "");
  return page.replace(
    /(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)/g,
    (_, picture: string, text: string, path: string) =>
      `${picture}[${text}](${address}/${picture === "" ? "blob" : "raw"}/HEAD/${path})`,
  );
}
