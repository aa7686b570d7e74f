// Makes a photo small before it is sent: a picture of the phone has 12 megapixels, the shop shows 1280.
// The server does the same again, whatever came; without this script the whole file is sent.
"use strict";
(() => {
  const SIDE_MAX = 1600, QUALITY = 0.85, SMALL_BYTES = 600 * 1024;

  async function small(file) {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, SIDE_MAX / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const paper = canvas.getContext("2d");
    paper.fillStyle = "#fff";
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    return blob && blob.size < file.size ? new File([blob], "photo.jpg", { type: "image/jpeg" }) : file;
  }

  async function shrink(input) {
    const file = input.files[0];
    if (!file || file.size <= SMALL_BYTES) return;
    const form = input.form;
    const buttons = form ? form.querySelectorAll("button") : [];
    buttons.forEach((button) => { button.disabled = true; });
    try {
      const list = new DataTransfer();
      list.items.add(await small(file));
      input.files = list.files;
    } catch {
      // Not a picture that this browser reads: the server says what is wrong with it.
    } finally {
      buttons.forEach((button) => { button.disabled = false; });
    }
  }

  document.querySelectorAll("input[data-downscale]").forEach((input) => {
    input.addEventListener("change", () => { shrink(input); });
  });
})();
