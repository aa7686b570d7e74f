// The camera page: frames are read by the browser itself where it can, else by the server.
// Without this script the photo form below does the same.
"use strict";

(() => {
  const box = document.getElementById("camera");
  if (!box || !navigator.mediaDevices?.getUserMedia) return;
  const video = box.querySelector("video");
  const status = box.querySelector("[role=status]");
  const FRAME_PAUSE_MS = 600;
  const FRAME_SIDE_MAX = 1000;
  const canvas = document.createElement("canvas");
  let isDone = false;

  const send = async (address, body, type) => {
    const answer = await fetch(address, {
      method: "POST",
      body,
      headers: { "Content-Type": type, "X-CSRFToken": box.dataset.token, Accept: "application/json" },
    });
    return answer.ok ? (await answer.json()).path : null;
  };

  const frame = () =>
    new Promise((resolve) => {
      const scale = Math.min(1, FRAME_SIDE_MAX / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(resolve, "image/jpeg", 0.8);
    });

  const detector = async () => {
    if (!("BarcodeDetector" in window)) return null;
    const formats = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
    return formats.includes("qr_code") ? new window.BarcodeDetector({ formats: ["qr_code"] }) : null;
  };

  const look = async (reader) => {
    if (!video.videoWidth) return null;
    if (!reader) return send(box.dataset.frame, await frame(), "image/jpeg");
    const [found] = await reader.detect(video);
    return found ? send(box.dataset.text, JSON.stringify({ text: found.rawValue }), "application/json") : null;
  };

  const watch = async (reader) => {
    while (!isDone) {
      const path = await look(reader).catch(() => null);
      if (path) {
        isDone = true;
        window.location.assign(path);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, FRAME_PAUSE_MS));
    }
  };

  const start = async () => {
    box.hidden = false;
    status.textContent = status.dataset.looking;
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } },
    });
    await video.play();
    await watch(await detector());
  };

  start().catch(() => {
    video.hidden = true;
    status.textContent = status.dataset.refused;
  });
  window.addEventListener("pagehide", () => {
    isDone = true;
    video.srcObject?.getTracks().forEach((track) => track.stop());
  });
})();
