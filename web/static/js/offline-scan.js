// Reading what a scanner or a hand typed: the twin of `read_scan` in timebank/codes.py, as far as cards go.

const GARBLE = { "、": "/", "。": ".", "：": ":", "；": ";", "，": "," };
const LENGTH_MAX = 200;
const CARD_DIGITS = 10;

const hasCheckDigit = (digits) => {
  const total = [...digits].reverse().reduce((sum, char, place) => {
    const value = Number(char) * (place % 2 === 1 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
  return total % 10 === 0;
};

const sha256 = async (text) => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

// What was read: its kind, what is sent of it (never the token of a card), and the digest it is found by on the list.
export const readScan = async (text) => {
  const folded = [...text.slice(0, LENGTH_MAX)]
    .map((char) => GARBLE[char] ?? char)
    .join("")
    .normalize("NFKC")
    .replace(/\s+/gu, "")
    .toUpperCase();
  if (/^1\d+$/.test(folded) && folded.length === CARD_DIGITS && hasCheckDigit(folded)) {
    return { kind: "digits", code: folded, digest: await sha256(folded) };
  }
  if (/^V\d{1,8}$/.test(folded)) return { kind: "number", code: folded, digest: null };
  const token = /(?:^|\/)C\/([A-Z0-9.-]+)\/?$/.exec(folded);
  if (!token) return { kind: "unknown", code: "", digest: null };
  const digest = await sha256(token[1]);
  return { kind: "card", code: digest, digest };
};
