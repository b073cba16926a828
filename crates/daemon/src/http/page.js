const views = [];
function follow() {
  fetch("/status").then((answer) => answer.text()).then((text) => {
    document.getElementById("main").textContent = text;
  });
}
