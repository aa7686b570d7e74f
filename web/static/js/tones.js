// The sound beside icon, colour and words: taken, doubtful, refused. A browser that lets no page sound before a touch stays silent.
//
// A page that answers a scan names the sound of its answer (data-sound); what answers without a new page calls play().

const TONES = {
  ok: [[880, 120]],
  wait: [[520, 120], [660, 120]],
  no: [[220, 150], [220, 150]],
};
const PAUSE_MS = 80;

let audio = null;

export const play = (kind) => {
  audio ||= new AudioContext();
  let at = audio.currentTime;
  for (const [hertz, length] of TONES[kind]) {
    const tone = audio.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(audio.destination);
    tone.start(at);
    tone.stop(at + length / 1000);
    at += (length + PAUSE_MS) / 1000;
  }
  document.documentElement.dataset.sounded = kind;
};

const answer = document.querySelector("[data-sound]");
if (answer) play(answer.dataset.sound);
