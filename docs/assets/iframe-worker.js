/* Browsers start no worker of a page that is opened as a file. There, a hidden frame runs the script in its place. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.ready = new Promise((resolve) => {
        window.addEventListener("message", (event) => {
          if (event.source !== this.frame.contentWindow) return;
          const answer = new MessageEvent("message", { data: event.data });
          this.dispatchEvent(answer);
          if (this.onmessage) this.onmessage(answer);
        });
        document.body.appendChild(this.frame);
        const inner = this.frame.contentDocument;
        inner.open();
        // Defined within the frame, so that messages come from there.
        inner.write("<body><script>function postMessage(data) { parent.postMessage(data, '*'); }</" + "script></body>");
        inner.close();
        const script = inner.createElement("script");
        script.src = url;
        script.onload = resolve;
        inner.body.appendChild(script);
      });
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
