// Lists the layers of the view.
const { name, layers } = await (await fetch("api/view")).json();
document.title = name;
for (const layer of layers) {
  const item = document.createElement("li");
  item.textContent = `${layer.name}: ${layer.kind}, ${layer.type}`;
  document.getElementById("layers").append(item);
}
