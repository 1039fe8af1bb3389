/** Small PDFs, written by hand. */

/** A PDF of one page a content stream, 200 by 100 points unless `box` says otherwise, with Courier as /F1. */
export function pdf(contents: readonly string[], box = "0 0 200 100"): Buffer {
  const kids = contents.map((_, i) => `${4 + 2 * i} 0 R`).join(" ");
  return pdfOf([
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${contents.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
    ...contents.flatMap((content, i) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [${box}] /Contents ${5 + 2 * i} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
      stream(content),
    ]),
  ]);
}

/** A page that draws a shape `fold` to the power of `depth` times: forms of forms. */
export function endlessPdf(depth = 12, fold = 10): Buffer {
  const form = (i: number): string =>
    `/Type /XObject /Subtype /Form /BBox [0 0 200 100] /Resources << /XObject << /X ${i} 0 R >> >>`;
  const forms = Array.from({ length: depth }, (_, i) => stream("/X Do ".repeat(fold), form(6 + i)));
  return pdfOf([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
    stream("/X Do"),
    ...forms,
    stream("0 0 m 200 100 l S", "/Type /XObject /Subtype /Form /BBox [0 0 200 100]"),
  ]);
}

const stream = (content: string, keys = ""): string =>
  `<< ${keys} /Length ${content.length} >>\nstream\n${content}\nendstream`;

/** A PDF of these objects, the first of which is its catalogue. */
function pdfOf(objects: readonly string[]): Buffer {
  let body = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const offset = body.length;
    body += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const size = objects.length + 1;
  return Buffer.from(
    `${body}xref\n0 ${size}\n0000000000 65535 f \n${table}trailer << /Size ${size} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`,
  );
}
